import { setTimeout as wait } from 'node:timers/promises'
import { cpuMsByPart } from '../cpu.ts'
import { percentile } from '../statistics.ts'
import type { Crowd } from './crowd.ts'

export interface StormResult {
  /** From the loss of the node until a client was let in, and until it had everything. */
  backMs: Quantiles
  syncedMs: Quantiles
  /** The same from the moment a client was told to go, for those who were. */
  syncedSinceToldMs?: Quantiles
  refusals: number
  /** User and system time by part, from the loss until everybody was synced. */
  cpuMs: Record<string, number>
  tookMs: number
}

interface Quantiles {
  p50: number
  p99: number
  max: number
}

const giveUpAfterMs = 120_000
const now = () => performance.timeOrigin + performance.now()

/** Ends the node everybody is on, and waits until they all are on the other and have everything. */
export async function runStorm(
  crowd: Crowd,
  {
    returnTo,
    drop,
    pids,
  }: { returnTo: string; drop: () => Promise<void>; pids: () => Record<string, number[]> },
): Promise<StormResult> {
  await crowd.returnTo(returnTo)
  const before = cpuMsByPart(pids())
  const droppedAt = now()
  const dropping = drop()
  const late = new Error(`not everybody is back after ${giveUpAfterMs / 1_000} seconds`)
  const { members } = await Promise.race([
    crowd.untilSynced(),
    wait(giveUpAfterMs, undefined, { ref: false }).then(() => Promise.reject(late)),
  ])
  const after = cpuMsByPart(pids())
  await dropping
  const syncedMs = quantiles(members.map(({ syncedAt = Number.NaN }) => syncedAt - droppedAt))
  const told = members.flatMap(({ toldAt, syncedAt }) => (toldAt && syncedAt ? [syncedAt - toldAt] : []))
  return {
    backMs: quantiles(members.map(({ backAt = Number.NaN }) => backAt - droppedAt)),
    syncedMs,
    ...(told.length > 0 && { syncedSinceToldMs: quantiles(told) }),
    refusals: members.reduce((sum, { refusals }) => sum + refusals, 0),
    cpuMs: Object.fromEntries(
      Object.entries(after).map(([part, ms]) => [part, Math.max(0, ms - (before[part] ?? 0))]),
    ),
    tookMs: syncedMs.max,
  }
}

function quantiles(values: number[]): Quantiles {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), max: percentile(values, 1) }
}
