import { availableParallelism } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { cpuMsByPart } from '../cpu.ts'
import { machineBusyMs } from '../machine.ts'
import { acknowledgeInTurn } from './acknowledge-in-turn.ts'
import type { Contender } from './contender.ts'
import { keepUnanswered, sendOnTime } from './drive.ts'
import { findVoids } from './find-voids.ts'
import { goFirst } from './go-first.ts'
import type { Quantiles } from './latencies.ts'
import { type SeatedClient, sit } from './seated-client.ts'
import { createTally, type Tally } from './tally.ts'
import { type GeneratorReport, watchGenerator } from './watch-generator.ts'

export interface LoadPlan {
  groups: number
  size: number
  /** Messages a second over all clients, sent when they are due whether or not answers come; absent, as many as are answered. */
  ratePerSecond?: number
  /** Unanswered messages of one client when there is no rate; below 1 only some have one, in turn. */
  window?: number
  warmUpMs: number
  measureMs: number
}

export interface LoadResult {
  messagesPerSecond: number
  deliveriesPerSecond: number
  /** User and system time of every process per message, in microseconds, by part. */
  cpuUsPerMessage: Record<string, number>
  /** In milliseconds, from the moment a message was due: until its sender had the answer, until members heard it. */
  ackMs: Quantiles
  receiveMs: Quantiles
  generator: GeneratorReport
  /** Of the machine's CPU time what others had, programs and guests of the same host: neither the contender nor the generator. */
  otherShare: number
  /** Why the figures do not count. */
  voids: string[]
}

/** What is not heard by then after the last send is lost. */
const heardWithinMs = 15_000

/** Connects everybody, warms up, measures, and finds out whether it counts. */
export async function runLoad(contender: Contender, plan: LoadPlan): Promise<LoadResult> {
  using opened = new DisposableStack()
  const tally = createTally(plan)
  const lost: string[] = []
  const clients: SeatedClient[] = []
  opened.defer(() => clients.forEach((client) => client.close()))
  let onAnswer: (client: SeatedClient) => void = () => {}
  for (const seat of await contender.seats(plan.groups, plan.size)) {
    const client = await sit({
      seat,
      place: clients.length,
      onAnswer(of, dueAt, ok) {
        tally.answered(of, dueAt, ok)
        onAnswer(of)
      },
      onHeard: tally.hears,
      onLost: (why) => void lost.push(why),
    })
    clients.push(client)
  }
  opened.use(acknowledgeInTurn(clients))
  if (plan.ratePerSecond) opened.use(goFirst())
  const drive = plan.ratePerSecond
    ? sendOnTime(clients, plan.ratePerSecond, tally.wrote)
    : keepUnanswered(clients, plan.window ?? 2)
  onAnswer = drive.onAnswer
  await wait(plan.warmUpMs)
  const measured = await measure(contender, tally, plan.measureMs)
  await drive.stop()
  await untilHeard(clients, tally)
  // Else everybody would be looked for when the next load runs.
  for (const client of clients) client.acknowledge()
  opened.dispose()

  const result = {
    ...measured,
    ackMs: tally.ack.quantiles(),
    receiveMs: tally.receive.quantiles(),
    generator: { ...measured.generator, latenessMs: tally.lateness.quantiles() },
  }
  const voids = [
    ...findVoids({ ...result, refused: tally.refused, unheard: tally.unheard(clients), lost }),
    ...(await contender.verify(tally.acked)),
  ]
  return { ...result, voids }
}

/** A load that nobody looks at, for code that is compiled by being used. */
export async function warmUp(
  contender: Contender,
  of: Pick<LoadPlan, 'groups' | 'size' | 'window'>,
): Promise<void> {
  await runLoad(contender, { ...of, warmUpMs: 0, measureMs: 3_000 })
}

/** What happens from now on, for so long. */
async function measure(contender: Contender, tally: Tally, forMs: number) {
  const { acked, heard } = tally
  const [cpu, machine, startedAt] = [cpuMsByPart(contender.pids()), machineBusyMs(), performance.now()]
  const generator = watchGenerator()
  tally.window = { from: startedAt, to: startedAt + forMs }
  await wait(forMs)
  const tookMs = performance.now() - startedAt
  const used = cpuMsByPart(contender.pids())
  const busy = machineBusyMs()
  const [messages, own] = [tally.acked - acked, generator()]
  for (const part of Object.keys(used)) used[part] = Math.max(0, (used[part] ?? 0) - (cpu[part] ?? 0))
  const known = Object.values(used).reduce((sum, ms) => sum + ms, 0) + own.cpuShare * tookMs
  return {
    messagesPerSecond: (messages * 1_000) / tookMs,
    deliveriesPerSecond: ((tally.heard - heard) * 1_000) / tookMs,
    cpuUsPerMessage: Object.fromEntries(
      Object.entries(used).map(([part, ms]) => [part, (ms * 1_000) / Math.max(1, messages)]),
    ),
    generator: own,
    otherShare: Math.max(0, (busy - machine - known) / (tookMs * availableParallelism())),
  }
}

async function untilHeard(clients: SeatedClient[], tally: Tally): Promise<void> {
  const giveUpAt = performance.now() + heardWithinMs
  const isOver = () => clients.every(({ unanswered }) => unanswered === 0) && tally.unheard(clients) === 0
  while (!isOver() && performance.now() < giveUpAt) await wait(50)
}
