/** Samples a second that are enough to see how loud something is. */
export const waveformRate = 8_000

const parts = 64
/** What a part's loudest sample is measured in: Telegram's and WhatsApp's waveforms have as many steps. */
const steps = 31
/** Kept as one number each, so that an hour of sound is a few thousand numbers. */
const samplesPerBlock = waveformRate / 50

/** Takes 16-bit samples of one channel as they come, in chunks of any size, and draws the whole in 64 parts. */
export function createWaveform() {
  const blocks: number[] = []
  let samples = 0
  let loudest = 0
  let odd: number | undefined

  function addSample(value: number): void {
    loudest = Math.max(loudest, Math.abs(value))
    samples += 1
    if (samples % samplesPerBlock === 0) endBlock()
  }

  function endBlock(): void {
    blocks.push(loudest)
    loudest = 0
  }

  return {
    add(bytes: Buffer): void {
      let at = 0
      if (odd !== undefined && bytes.length > 0) {
        addSample(Buffer.from([odd, bytes.readUInt8(0)]).readInt16LE())
        odd = undefined
        at = 1
      }
      for (; at + 1 < bytes.length; at += 2) addSample(bytes.readInt16LE(at))
      if (at < bytes.length) odd = bytes.readUInt8(at)
    },

    result(): { durationMs: number; waveform: number[] } {
      if (samples % samplesPerBlock !== 0) endBlock()
      const peak = blocks.reduce((most, block) => Math.max(most, block), 1)
      const waveform = Array.from({ length: parts }, (_, part) => {
        const from = Math.floor((part * blocks.length) / parts)
        const to = Math.max(from + 1, Math.floor(((part + 1) * blocks.length) / parts))
        return Math.round((steps * Math.max(0, ...blocks.slice(from, to))) / peak)
      })
      return { durationMs: Math.round((samples * 1_000) / waveformRate), waveform }
    },
  }
}
