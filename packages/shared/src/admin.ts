import { setTimeout as wait } from 'node:timers/promises'
import { AppError } from './errors.ts'
import type { HttpApp } from './http.ts'

const checkWithinMs = 3_000

/** What a node says of itself to `parley status`. */
export interface NodeStatus {
  service: string
  startedAt: string
  /** The node's clock. */
  time: string
  /** Why it takes no new work, if it takes none. */
  notReady?: string
  details: Record<string, string | number | boolean>
}

/** One thing a node was asked to look at, for `parley doctor`. */
export interface CheckResult {
  name: string
  ok: boolean
  /** What was found, or what is wrong; no secret. */
  detail: string
  tookMs: number
}

interface AdminOptions {
  service: string
  ready: () => Promise<void>
  describe: () => NodeStatus['details']
  /** Each says in a few words what it found, or throws. */
  checks: Record<string, () => Promise<string>>
}

/** What operators ask of every service: how it is, and whether it reaches what it needs. */
export function serveAdmin(app: HttpApp, { service, ready, describe, checks }: AdminOptions): void {
  const startedAt = new Date().toISOString()
  app.get('/admin/status', async (): Promise<NodeStatus> => {
    const notReady = await ready().then(
      () => undefined,
      (cause: unknown) => reasonOf(cause),
    )
    const time = new Date().toISOString()
    return { service, startedAt, time, ...(notReady ? { notReady } : {}), details: describe() }
  })
  app.get('/admin/checks', async (): Promise<{ checks: CheckResult[] }> => {
    const all = Object.entries(checks).map(([name, check]) => runCheck(name, check))
    return { checks: await Promise.all(all) }
  })
}

async function runCheck(name: string, check: () => Promise<string>): Promise<CheckResult> {
  const startedAt = performance.now()
  const late = wait(checkWithinMs, undefined, { ref: false }).then(() => {
    throw new AppError('deadline_exceeded', `no answer within ${checkWithinMs} ms`)
  })
  const [ok, detail] = await Promise.race([check(), late]).then(
    (found) => [true, found] as const,
    (cause: unknown) => [false, reasonOf(cause)] as const,
  )
  return { name, ok, detail, tookMs: Math.round(performance.now() - startedAt) }
}

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : 'unknown')
