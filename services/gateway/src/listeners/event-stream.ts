import type { ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { AppError } from '@parley/shared/errors'
import { closeCodes, type ServerEvent, type ServerEventName, type SyncPage } from '@parley/shared/protocol'
import type { Identity } from '@parley/shared/tokens'
import type { Context } from '../context.ts'
import type { FanoutMetrics } from '../fanout/fanout-metrics.ts'
import type { Heard } from '../fanout/hear-doorbells.ts'
import type { Ending } from './listener.ts'
import type { Listeners, OpenListener } from './listeners.ts'

/** Conversations of one page: a page is all that a stream keeps in memory for a reader that is slow. */
const perPage = 20
/** From one sync to the next that a doorbell asks for, so that a flood of doorbells costs a stream a bounded number of statements. */
const syncEveryMs = 100
const keepAliveMs = 15_000
/** A reader that takes nothing for so long is cut off; it comes back with its last id. */
const stalledMs = 2 * keepAliveMs
const retryMs = 2_000
/** As in the check of tokens: clocks may differ by so much. */
const clockToleranceMs = 30_000
const longestTimerMs = 2 ** 31 - 1

interface StreamContext extends Pick<Context, 'log' | 'messages'> {
  listeners: Listeners
  fanoutMetrics: FanoutMetrics
}

/**
 * Server-sent events (WHATWG HTML, 9.2). Pages of `log:sync` as events named `sync`, each with the cursor after it as
 * its id, so whoever comes back with that id misses nothing; between them the other events a socket would hear,
 * as hints, which are not repeated. Ends with `session:closing` and a close code as sockets have. `begin` is called
 * when the stream is sure to begin; until then errors are thrown: those of `log:sync`, `rate_limited`, `overloaded`.
 */
export async function streamEvents(
  ctx: StreamContext,
  identity: Identity,
  { cursor, response, begin }: { cursor: string | undefined; response: ServerResponse; begin: () => void },
): Promise<void> {
  const { messages, listeners, log } = ctx
  const stream = createWriter(response)
  using listener = listeners.open(identity, (heard) => stream.hint(heard))
  const hangUp = () => listener.end({ code: closeCodes.internal, reason: 'the reader has gone' })
  if (response.destroyed) hangUp()
  response.once('close', hangUp)
  const letIn = () => listener.letIn(() => messages.openSession(identity))
  const ask = (since: string | undefined) =>
    messages.ask(identity, 'log:sync', { cursor: since, limit: perPage }) as Promise<SyncPage>

  await letIn()
  const first = await ask(cursor)
  begin()
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    // For nginx, which otherwise keeps a response until it has a buffer full of it.
    'x-accel-buffering': 'no',
  })
  stream.retryAfter(retryMs)
  const expires = endAtExpiry(listener)
  const beat = setInterval(() => {
    if (response.destroyed || stream.keepAlive()) return
    ctx.fanoutMetrics.slowConsumers.inc({ reason: 'stream' })
    listener.end({ code: closeCodes.slowConsumer, reason: 'slow consumer' })
  }, keepAliveMs)
  try {
    await stream.page(first)
    let page = first
    let rested = Promise.resolve()
    while (!listener.ending()) {
      if (page.complete) await Promise.all([listener.rang(), rested])
      if (listener.ending()) break
      rested = wait(syncEveryMs)
      if (listener.takeMissed()) await letIn()
      page = await ask(page.cursor)
      if (!page.complete || page.conversations.length + page.ended.length > 0) await stream.page(page)
      else stream.moveTo(page.cursor)
    }
  } catch (cause) {
    const error = AppError.from(cause)
    if (error.code === 'internal') log.error({ err: error }, 'an event stream failed')
    listener.end(endingOf(error))
  } finally {
    clearInterval(beat)
    clearTimeout(expires)
    stream.end(listener.ending())
  }
}

function endAtExpiry({ identity: { expiresAt }, end }: OpenListener): NodeJS.Timeout {
  const leftMs = expiresAt.getTime() + clockToleranceMs - Date.now()
  return setTimeout(
    () => end({ code: closeCodes.tokenExpired, reason: 'access token has expired' }),
    Math.min(leftMs, longestTimerMs),
  )
}

function endingOf({ code, message }: AppError): Ending {
  if (code === 'unauthenticated' || code === 'token_expired')
    return { code: closeCodes.tokenExpired, reason: message }
  if (code === 'session_replaced') return { code: closeCodes.replaced, reason: message }
  if (code === 'account_suspended') return { code: closeCodes.forbidden, reason: message }
  return { code: closeCodes.internal, reason: 'a failure of ours: come back after a random wait' }
}

/** Writes events, one page at a time and never more: a page is not fetched before the one before it is on its way. */
function createWriter(response: ServerResponse) {
  let lastId: string | undefined
  let drained: (() => void) | undefined
  let stalledSince: number | undefined
  response.on('drain', settle)
  response.once('close', settle)

  function settle(): void {
    stalledSince = undefined
    drained?.()
    drained = undefined
  }

  function write(text: string): void {
    if (response.writable && !response.write(text)) stalledSince ??= performance.now()
  }

  function event<E extends ServerEventName | 'sync'>(name: E, payload: string): void {
    write(`event: ${name}\n${lastId === undefined ? '' : `id: ${lastId}\n`}data: ${payload}\n\n`)
  }

  return {
    retryAfter: (ms: number) => write(`retry: ${ms}\n\n`),
    moveTo(cursor: string): void {
      lastId = cursor
    },
    async page(page: SyncPage): Promise<void> {
      lastId = page.cursor
      event('sync', JSON.stringify(page))
      if (stalledSince === undefined || response.destroyed) return
      await new Promise<void>((resolve) => {
        drained = resolve
      })
    },
    /** Not before the first page, which tells where the stream is; and not to a reader that is behind. */
    hint({ name, payload }: Heard): void {
      if (lastId !== undefined && stalledSince === undefined) event(name as ServerEventName, payload)
    },
    /** Whether the reader still reads. */
    keepAlive(): boolean {
      if (stalledSince === undefined) write(':\n\n')
      else if (performance.now() - stalledSince > stalledMs) {
        response.destroy()
        return false
      }
      return true
    },
    end(ending: Ending | undefined): void {
      if (response.destroyed || stalledSince !== undefined) return void response.destroy()
      if (ending) lastWords(ending)
      response.end()
      // A reader that takes nothing more would keep a closing server from its end.
      setTimeout(() => response.destroy(), 2_000).unref()
    },
  }

  function lastWords({ code, reason, by, reconnectAfterMs }: Ending): void {
    const say = <E extends ServerEventName>(name: E, payload: ServerEvent<E>) =>
      event(name, JSON.stringify(payload))
    if (by) say('session:replaced', { by })
    if (reconnectAfterMs !== undefined) {
      write(`retry: ${reconnectAfterMs}\n\n`)
      say('session:draining', { reconnectAfterMs })
    }
    say('session:closing', { code, reason })
  }
}
