import { createBatcher } from '@parley/shared/batcher'
import { AppError } from '@parley/shared/errors'
import { laneOf } from '@parley/shared/instances'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely } from 'kysely'
import type { Registry } from 'prom-client'
import type { Config } from '../config.ts'
import type { Database } from '../db/schema.ts'
import { unchecked, vetoed } from '../errors.ts'
import type { PreparedSend } from '../messages/prepared-send.ts'
import { openHook } from './ask-hook.ts'
import { createBreaker } from './breaker.ts'
import { createHookMetrics } from './hook-metrics.ts'
import { createSendings, type Sending } from './sendings.ts'
import * as store from './store.ts'
import type { Verdict } from './verdict.ts'

const maxBatch = 64
const maxQueuedPerLane = 512
/** Far longer than any client tries to send a message. */
const vetoesForDays = 7

/** A change of a message's words, which is asked about like a message: else an edit would be the way round. */
export interface AskedEdit {
  conversationId: string
  senderId: string
  messageId: string
  content: Record<string, unknown>
}

type Question = { kind: 'send'; send: PreparedSend; sending: Sending } | { kind: 'edit'; edit: AskedEdit }

interface BeforeSendOptions {
  config: NonNullable<Config['beforeSend']>
  log: Logger
  db: Kysely<Database>
  registry: Registry
}

/**
 * Asks the operator's hook before a message is stored (ADR 20). Nothing is held meanwhile, no lock, transaction or
 * lane of the committer. Questions of a conversation go one after the other, many of them in one request, so messages
 * keep their order; conversations share a bounded number of requests. A send that was stored, or refused, gets that
 * answer again without a question, and what is being stored is not asked about once more.
 */
export function createBeforeSend({ config, log, db, registry }: BeforeSendOptions) {
  const opened = new AsyncDisposableStack()
  const hook = opened.use(openHook({ ...config, connections: config.concurrency }))
  const breaker = createBreaker()
  const metrics = createHookMetrics(registry, breaker)
  const share = createSendings()
  const lanes = Array.from({ length: config.concurrency }, () =>
    createBatcher<Question, Verdict>({ maxBatch, maxQueued: maxQueuedPerLane, run: judge }),
  )

  async function judge(questions: Question[]): Promise<(Verdict | AppError)[]> {
    const repeats = questions.filter(isAllowed)
    const before = await answeredBefore(questions.filter((question) => !isAllowed(question)))
    for (const question of repeats) before.set(question, { allow: true })
    metrics.verdicts.inc({ verdict: 'known' }, before.size)
    const open = questions.filter((question) => !before.has(question))
    const verdicts = open.length > 0 ? await askHook(open) : []
    const said = new Map(open.map((question, i) => [question, verdicts[i] ?? unchecked()]))
    for (const [question, verdict] of said) noteAllowed(question, verdict)
    for (const question of open.filter(isAllowed)) said.set(question, { allow: true })
    // What another instance was storing when its repeat came may be stored by now.
    for (const [question, answer] of await answeredBefore(open.filter((one) => isVeto(said.get(one)))))
      said.set(question, answer)
    await remember(said)
    return questions.map((question) => before.get(question) ?? said.get(question) ?? unchecked())
  }

  async function answeredBefore(questions: Question[]): Promise<Map<Question, Verdict>> {
    const sends = questions.filter((question) => question.kind === 'send')
    if (sends.length === 0) return new Map()
    const answers = await store.listAnswered(
      db,
      sends.map(({ send }) => send),
    )
    const known = new Map<Question, Verdict>()
    for (const [i, question] of sends.entries()) {
      const { sent = false, reason = null } = answers[i] ?? {}
      if (sent) known.set(question, { allow: true })
      else if (reason !== null) known.set(question, { allow: false, reason })
    }
    return known
  }

  async function askHook(questions: Question[]): Promise<(Verdict | AppError)[]> {
    if (breaker.mayAsk()) {
      const observe = metrics.seconds.startTimer()
      try {
        const verdicts = await hook.ask(questions.map(told))
        breaker.succeeded()
        for (const { allow } of verdicts) metrics.verdicts.inc({ verdict: allow ? 'allowed' : 'vetoed' })
        return verdicts
      } catch (err) {
        breaker.failed()
        log.warn({ err, failure: config.failure }, 'before-send hook gave no verdict')
      } finally {
        observe()
      }
    }
    metrics.verdicts.inc({ verdict: `failed-${config.failure}` }, questions.length)
    return questions.map(() => (config.failure === 'open' ? { allow: true } : unchecked()))
  }

  /** Before anybody is told: the same send must hear the same. */
  async function remember(said: Map<Question, Verdict | AppError>): Promise<void> {
    const vetoes = [...said].flatMap(([question, verdict]) => {
      if (question.kind !== 'send' || !isVeto(verdict)) return []
      const { conversationId, senderId, clientMessageId } = question.send
      return [{ conversationId, senderId, clientMessageId, reason: verdict.reason ?? '' }]
    })
    if (vetoes.length > 0) await store.insertVetoes(db, vetoes)
  }

  async function ask(conversationId: string, question: Question): Promise<void> {
    const lane = lanes[laneOf(conversationId, lanes.length)]
    if (!lane) throw new Error('there are no lanes')
    const verdict = await lane.add(question)
    if (!verdict.allow) throw vetoed(verdict.reason)
  }

  opened.use(
    startLoop({ log, name: 'old vetoes', everyMs: 3_600_000 }, () =>
      store.removeOldVetoes(db, vetoesForDays),
    ),
  )

  return {
    /**
     * What `commit` makes of the send as it may be stored: a repeat commits what was allowed, whatever it says itself.
     * Errors: `vetoed`; `unavailable` where no verdict means no; `overloaded`.
     */
    storeIfAllowed<T>(send: PreparedSend, commit: (allowed: PreparedSend) => Promise<T>): Promise<T> {
      return share(send, async (sending) => {
        await ask(send.conversationId, { kind: 'send', send, sending })
        return commit(sending.allowed ? { ...sending.allowed, span: send.span } : send)
      })
    },
    /** Errors: the same. */
    checkEdit: (edit: AskedEdit): Promise<void> => ask(edit.conversationId, { kind: 'edit', edit }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

export type BeforeSend = ReturnType<typeof createBeforeSend>

const isVeto = (verdict: Verdict | AppError | undefined): verdict is Extract<Verdict, { allow: false }> =>
  verdict !== undefined && !(verdict instanceof AppError) && !verdict.allow

const isAllowed = (question: Question) => question.kind === 'send' && question.sending.allowed !== undefined

function noteAllowed(question: Question, verdict: Verdict | AppError): void {
  if (question.kind === 'edit' || verdict instanceof AppError || !verdict.allow) return
  const { send, sending } = question
  sending.allowed ??= verdict.ext ? { ...send, ext: verdict.ext } : send
}

/** What a hook is told: what others would see, and of whom. */
function told(question: Question): object {
  if (question.kind === 'edit') return { kind: 'edit', ...question.edit }
  const {
    conversationId,
    senderId,
    directTo,
    clientMessageId,
    type,
    content,
    replyTo,
    mentions,
    ext,
    clientSentAt,
    digest,
  } = question.send
  return {
    kind: 'send',
    conversationId,
    senderId,
    ...(directTo === null ? {} : { toUserId: directTo }),
    clientMessageId,
    type,
    content,
    ...(digest === null ? {} : { digest }),
    ...(replyTo === null ? {} : { replyTo }),
    ...(mentions === null ? {} : { mentions }),
    ...(ext === null ? {} : { ext }),
    ...(clientSentAt === null ? {} : { clientSentAt }),
  }
}
