import { z } from 'zod'
import { type Ffmpeg, FfmpegRefusal } from './ffmpeg.ts'
import { inputOf } from './input.ts'

const seconds = z.coerce.number().min(0).optional().catch(undefined)

const Stream = z.object({
  codec_type: z.string().optional(),
  codec_name: z.string().max(32).default('unknown'),
  width: z.int().min(0).default(0),
  height: z.int().min(0).default(0),
  sample_aspect_ratio: z.string().optional(),
  channels: z.int().optional(),
  disposition: z.object({ attached_pic: z.int() }).optional(),
  side_data_list: z.array(z.object({ rotation: z.number().optional() })).default([]),
})

const Report = z.object({
  streams: z.array(Stream).max(64).default([]),
  format: z.object({ duration: seconds }).default({}),
})

type StreamReport = z.output<typeof Stream>

export interface Probed {
  durationMs: number | undefined
  video: { codec: string; width: number; height: number } | undefined
  audio: { codec: string; channels: number } | undefined
}

const wanted =
  'format=duration:stream=codec_type,codec_name,width,height,sample_aspect_ratio,channels:stream_disposition=attached_pic:stream_side_data=rotation'

/**
 * What a file holds, by its own account: its first picture that moves and its first sound. Sizes are as they are seen.
 *
 * @throws FfmpegRefusal also if that account is out of all bounds
 */
export async function probe(
  { ffprobe }: Ffmpeg,
  { file, contentType, directory }: { file: string; contentType: string; directory: string },
): Promise<Probed> {
  const output = await ffprobe({
    directory,
    args: ['-show_entries', wanted, '-of', 'json', ...inputOf(file, contentType)],
  })
  const { streams, format } = parseReport(output)
  const video = streams.find(
    ({ codec_type, disposition }) => codec_type === 'video' && !disposition?.attached_pic,
  )
  const audio = streams.find(({ codec_type }) => codec_type === 'audio')
  return {
    durationMs: format.duration === undefined ? undefined : Math.round(format.duration * 1_000),
    video: video && { codec: video.codec_name, ...sizeOf(video) },
    audio: audio && { codec: audio.codec_name, channels: audio.channels ?? 1 },
  }
}

function parseReport(output: string): z.output<typeof Report> {
  try {
    return Report.parse(JSON.parse(output))
  } catch (cause) {
    throw new FfmpegRefusal(`what ffprobe says is not to be read: ${String(cause)}`)
  }
}

/** Turned as its matrix says, and with pixels made square. */
function sizeOf({ width, height, sample_aspect_ratio, side_data_list }: StreamReport) {
  const [across = 1, down = 1] = (sample_aspect_ratio ?? '1:1').split(':').map(Number)
  const seen = { width: across > 0 && down > 0 ? Math.round((width * across) / down) : width, height }
  const rotation = side_data_list.find((data) => data.rotation !== undefined)?.rotation ?? 0
  return Math.abs(rotation) % 180 === 90 ? { width: seen.height, height: seen.width } : seen
}
