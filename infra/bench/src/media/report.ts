import { median } from '../statistics.ts'

export interface Measured {
  perSecond: number
  /** Of each photo, user and system time of the process and all its descendants. */
  cpuMs: number
}

export interface ThroughputRound {
  bare: Measured
  product: Measured
  /** Photos a second with their uploads through the service and the origin before it. */
  withUploads: number
}

/** What was measured of it. */
export interface MediaReport {
  throughput?: { photos: number; rounds: ThroughputRound[] }
  /** From completed to ready, one photo at a time. */
  latency?: { p50: number; p99: number }
  memory?: {
    uploads: number
    uploadBytes: number
    /** All processes of the service; shared pages counted once; the service's own. */
    residentBytes: number
    proportionalBytes: number
    ownBytes: number
    seconds: number
  }
}

export function toText({ throughput, latency, memory }: MediaReport): string {
  const lines: string[] = []
  if (throughput) {
    const ratio = (of: (round: ThroughputRound) => number) => median(throughput.rounds.map(of)).toFixed(2)
    lines.push(
      ...throughput.rounds.map(
        ({ bare, product, withUploads }, i) =>
          `12 MP photos, round ${i + 1}: sharp ${told(bare)}, parley ${told(product)}, ${withUploads.toFixed(2)}/s with uploads`,
      ),
      `beside sharp, medians: ${ratio(({ bare, product }) => product.perSecond / bare.perSecond)} x the photos a second, ${ratio(({ bare, product }) => product.cpuMs / bare.cpuMs)} x the CPU of each`,
    )
  }
  if (latency)
    lines.push(
      `12 MP photo, completed to ready, one at a time: p50 ${latency.p50.toFixed(0)} ms, p99 ${latency.p99.toFixed(0)} ms`,
    )
  if (memory)
    lines.push(
      `${memory.uploads} photos of 20 MP (${megabytes(memory.uploadBytes, 1)} MB) at once: peak ${megabytes(memory.residentBytes)} MB resident (PSS ${megabytes(memory.proportionalBytes)} MB), ${megabytes(memory.ownBytes)} MB of it the service and the rest what reads images; ${memory.seconds.toFixed(0)} s until the last was ready`,
    )
  return lines.join('\n')
}

const megabytes = (bytes: number, digits = 0) => (bytes / 1024 ** 2).toFixed(digits)

function told({ perSecond, cpuMs }: Measured): string {
  return `${perSecond.toFixed(2)}/s (${cpuMs.toFixed(0)} ms CPU each)`
}
