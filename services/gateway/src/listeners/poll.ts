import { AppError } from '@parley/shared/errors'
import { closeCodes, type SyncPage, type SyncQuery } from '@parley/shared/protocol'
import type { Identity } from '@parley/shared/tokens'
import type { Context } from '../context.ts'
import { nodeDrains, sessionOver } from '../errors.ts'
import type { Ending } from './listener.ts'
import type { Listeners } from './listeners.ts'

type PollContext = Pick<Context, 'messages'> & { listeners: Listeners }

/**
 * A sync over HTTP. With `waitMs`, one that finds nothing is held until there is something, or until the time is
 * over and the page is still empty. It listens before it looks, so nothing falls between. A caller that goes away
 * ends it. Errors: those of `log:sync`, `draining` if the node goes away while it is held, those of a session that ends.
 */
export async function poll(
  { messages, listeners }: PollContext,
  identity: Identity,
  { query, waitMs, gone }: { query: SyncQuery; waitMs: number; gone: AbortSignal },
): Promise<SyncPage> {
  const ask = (asked: SyncQuery) => messages.ask(identity, 'log:sync', asked) as Promise<SyncPage>
  if (waitMs === 0) {
    await messages.openSession(identity)
    return ask(query)
  }

  const deadline = performance.now() + waitMs
  using listener = listeners.open(identity)
  const hangUp = () => listener.end({ code: closeCodes.internal, reason: 'the caller has gone' })
  if (gone.aborted) hangUp()
  gone.addEventListener('abort', hangUp, { once: true })
  const letIn = () => listener.letIn(() => messages.openSession(identity))
  await letIn()
  let page = await ask(query)
  while (isEmpty(page) && performance.now() < deadline) {
    await listener.rang(deadline - performance.now())
    const ending = listener.ending()
    if (ending) throw refusalOf(ending)
    if (listener.takeMissed()) await letIn()
    if (performance.now() < deadline) page = await ask({ ...query, cursor: page.cursor })
  }
  return page
}

const isEmpty = ({ conversations, ended, complete }: SyncPage) =>
  complete && conversations.length === 0 && ended.length === 0

/** What a held poll is answered when it must stop before its time. */
function refusalOf({ code, reason, reconnectAfterMs }: Ending): AppError {
  if (code === closeCodes.draining) return nodeDrains(reconnectAfterMs ?? 1_000)
  return sessionOver(code, reason) ?? new AppError('unavailable', reason)
}
