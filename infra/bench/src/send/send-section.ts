import { startBenchStack } from '../bench-stack.ts'
import type { CaseReport, Reading, Section } from '../section.ts'
import type { Settings } from '../settings.ts'
import { median } from '../statistics.ts'
import { whileStopped } from '../while-stopped.ts'
import { startRelays } from './bare-contender.ts'
import type { Contender } from './contender.ts'
import { loadReport, totalCpuUs } from './load-report.ts'
import { inTurn, type Pair, readingOf, sidesOf } from './pairs.ts'
import { allBut, useStack } from './product-contender.ts'
import { type LoadPlan, runLoad, warmUp } from './run-load.ts'

const direct = { groups: 200, size: 2, window: 2 }
const groupsOf5 = { groups: 80, size: 5, window: 2 }
const groupsOf50 = { groups: 8, size: 50, window: 2 }
/** Messages a second that leave a machine with two cores mostly idle. */
const lowRate = 1_000

const perSecond = (pairs: Pair[]) => (bar: Reading['bar']) =>
  readingOf(bar, pairs, (it) => it.messagesPerSecond)
const cpu = (pairs: Pair[]) => (bar: Reading['bar']) => readingOf(bar, pairs, totalCpuUs)

/**
 * In the order they are run. A flood leaves work for minutes, to the search index and to Postgres, which is not the low rate's to pay for.
 * What the maximum is, is known when its half is due.
 */
const cases: Record<string, { plan: Plan; readings: (pairs: Pair[]) => Reading[] }> = {
  'groups of 5 at a low rate': {
    plan: { ...groupsOf5, ratePerSecond: lowRate },
    readings: (pairs) => [cpu(pairs)('cpuLowRate')],
  },
  '1:1 saturated': { plan: direct, readings: (pairs) => [perSecond(pairs)('direct')] },
  'groups of 5 saturated': {
    plan: groupsOf5,
    readings: (pairs) => [perSecond(pairs)('groupsOf5'), cpu(pairs)('cpuSaturated')],
  },
  'groups of 50 saturated': { plan: groupsOf50, readings: (pairs) => [perSecond(pairs)('groupsOf50')] },
  'groups of 5 at half': {
    plan: { ...groupsOf5, ratePerSecond: 'half of the maximum' },
    readings: (pairs) => [
      readingOf('halfRate', pairs, (it) => it.receiveMs.p99),
      { bar: 'halfRateMs', rounds: pairs.map(({ product }) => ({ product: product.receiveMs.p99 })) },
    ],
  },
}

type Plan = Pick<LoadPlan, 'groups' | 'size' | 'window'> & { ratePerSecond?: number | 'half of the maximum' }

/** Messages between many conversations, beside a relay that stores nothing. */
export const sendSection: Section = {
  cases: Object.keys(cases),
  async measure(settings) {
    await using opened = new AsyncDisposableStack()
    const stack = opened.use(await startBenchStack())
    const relay = opened.use(await startRelays(stack))
    const product = useStack(stack)
    for (const side of [relay, product]) await warmUp(side, groupsOf5)
    const reports: CaseReport[] = []
    let maximum: number | undefined
    for (const [name, { plan, readings }] of Object.entries(cases)) {
      if (!settings.wanted(name)) continue
      if (plan.ratePerSecond === 'half of the maximum') maximum ??= await findMaximum(product, settings)
      const exact = exactly(plan, settings, maximum)
      const pairs = await inTurn(
        settings.rounds,
        {
          bare: () => whileStopped(allBut(product, 'redis'), () => runLoad(relay, exact)),
          product: () => runLoad(product, exact),
        },
        (pair, round) => settings.tell(`${name}, round ${round}: ${told(pair)}`),
      )
      if (plan === groupsOf5) maximum = median(pairs.map((pair) => pair.product.messagesPerSecond))
      const title = exact.ratePerSecond ? `${name}, ${exact.ratePerSecond.toFixed(0)}/s` : name
      const [bare, own] = sidesOf(pairs, { bare: 'relay', product: 'Parley' })
      reports.push({ ...loadReport(title, [bare, own], own), readings: readings(pairs), rounds: pairs })
    }
    return reports
  },
}

/** The own maximum of groups of 5, if it was not measured before. */
async function findMaximum(product: Contender, settings: Settings): Promise<number> {
  const { messagesPerSecond } = await runLoad(product, exactly(groupsOf5, settings))
  settings.tell(`groups of 5, the maximum: ${messagesPerSecond.toFixed(0)}/s`)
  return messagesPerSecond
}

function exactly(plan: Plan, { warmUpMs, seconds }: Settings, maximum = Number.NaN): LoadPlan {
  const { ratePerSecond, ...rest } = plan
  return {
    ...rest,
    warmUpMs,
    measureMs: seconds * 1_000,
    ...(ratePerSecond !== undefined && {
      ratePerSecond: ratePerSecond === 'half of the maximum' ? maximum / 2 : ratePerSecond,
    }),
  }
}

function told({ bare, product }: Pair): string {
  return [bare, product]
    .map(
      (it, i) =>
        `${i === 0 ? 'relay' : 'Parley'} ${it.messagesPerSecond.toFixed(0)}/s, ${totalCpuUs(it).toFixed(0)} µs, received p99 ${it.receiveMs.p99.toFixed(1)} ms`,
    )
    .join('; ')
}
