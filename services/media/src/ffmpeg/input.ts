/** What reads a container, by the type its first bytes have shown; so a playlist named `.mp4` is not taken for one. */
const demuxers: Partial<Record<string, string>> = {
  'video/mp4': 'mov',
  'video/quicktime': 'mov',
  'video/webm': 'matroska',
  'audio/mp4': 'mov',
  'audio/webm': 'matroska',
  'audio/ogg': 'ogg',
  'audio/mpeg': 'mp3',
  'audio/amr': 'amr',
  'audio/aac': 'aac',
  'audio/wav': 'wav',
}

const decoders = [
  'h264,hevc,vp8,vp9,libvpx,libvpx-vp9,libdav1d,libaom-av1,av1',
  'aac,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,speex,libspeex',
  'amrnb,amrwb,ac3,eac3',
  'pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_f32le,pcm_u8,pcm_alaw,pcm_mulaw',
  // Covers, and the words of a film. They are left out, but ffprobe opens whatever a file holds, or none of it.
  'mjpeg,png,gif,bmp,mov_text,webvtt',
].join(',')

/** Nothing of what a file says of itself goes on: its title, its author, the place it was made at. */
export const withoutTags = ['-map_metadata', '-1', '-map_chapters', '-1', '-fflags', '+bitexact']

/**
 * How a file from outside is opened: one container, the decoders we mean, on one thread, and nothing but local
 * files, however much the file asks for others.
 */
export function inputOf(file: string, contentType: string): string[] {
  const demuxer = demuxers[contentType]
  if (!demuxer) throw new Error(`${contentType} is not read by ffmpeg`)
  const whitelists = ['-protocol_whitelist', 'file,pipe', '-codec_whitelist', decoders]
  return [...whitelists, '-f', demuxer, '-i', file]
}
