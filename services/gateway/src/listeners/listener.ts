import type { ServerEventName } from '@parley/shared/protocol'
import type { Replacement } from '@parley/shared/realtime'
import type { Identity } from '@parley/shared/tokens'
import type { Heard } from '../fanout/hear-doorbells.ts'

/** Why it must stop: a close code as of sockets, and the words that go with it. */
export interface Ending {
  code: number
  reason: string
  /** The log-in that took the session's place. */
  by?: Replacement
  /** With a node that goes away: when to come back. */
  reconnectAfterMs?: number
}

export type Listener = ReturnType<typeof createListener>

/** Events after which a sync has something to tell. */
const changesLog: ReadonlySet<string> = new Set([
  'entry:new',
  'log:grown',
  'message:hidden',
  'conversation:ended',
  'conversation:changed',
] satisfies ServerEventName[])
/** Events that a sync tells in full. */
const toldBySync: ReadonlySet<string> = new Set(['entry:new', 'log:grown'] satisfies ServerEventName[])

/** One that listens without a socket. A ring is remembered until the next wait, so none is lost in between. */
export function createListener(id: string, identity: Identity, onEvent?: (heard: Heard) => void) {
  let rung = false
  let missed = false
  let ending: Ending | undefined
  let wake: (() => void) | undefined

  function ring(): void {
    rung = true
    wake?.()
  }

  function end(by: Ending): void {
    ending ??= by
    ring()
  }

  return {
    id,
    identity,
    end,
    hear(heard: Heard): void {
      if (ending) return
      if (changesLog.has(heard.name) || isOwnReading(heard, identity)) ring()
      if (!toldBySync.has(heard.name)) onEvent?.(heard)
    },
    missedSome(): void {
      missed = true
      ring()
    },
    ending: (): Ending | undefined => ending,
    /** Whether events may have been lost since it was asked for last. */
    takeMissed(): boolean {
      const was = missed
      missed = false
      return was
    },
    /** Resolves at the next ring, one that came meanwhile, or at the end; or after so long. */
    async rang(withinMs?: number): Promise<void> {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        if (rung || ending) return resolve()
        wake = resolve
        if (withinMs !== undefined) timer = setTimeout(resolve, Math.max(0, withinMs))
      })
      clearTimeout(timer)
      wake = undefined
      rung = false
    },
  }
}

/** The user read or marked something on another device, which changes what is unread here. */
function isOwnReading({ name, payload }: Heard, { userId }: Identity): boolean {
  if ((name !== 'receipt:moved' && name !== 'message:marked') || !payload.includes(userId)) return false
  const told = JSON.parse(payload) as { userId: string; kind?: string }
  return told.userId === userId && (name === 'message:marked' || told.kind === 'read')
}
