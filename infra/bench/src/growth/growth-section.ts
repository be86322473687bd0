import type { BarName } from '../bars.ts'
import { startBenchStack } from '../bench-stack.ts'
import type { CaseReport, Section } from '../section.ts'
import type { Contender } from '../send/contender.ts'
import { loadReport, totalCpuUs } from '../send/load-report.ts'
import { inTurn, readingOf, sidesOf } from '../send/pairs.ts'
import { useStack } from '../send/product-contender.ts'
import { runLoad, warmUp } from '../send/run-load.ts'
import type { Settings } from '../settings.ts'
import { fillLogs } from '../sizing/fill-logs.ts'
import { sendFirst } from '../sizing/send-first.ts'
import { median } from '../statistics.ts'
import { query } from '../storm/statements.ts'
import { startMoreGateways } from './more-gateways.ts'

const names = {
  gateways: 'growth: 8 gateways',
  users: 'growth: 10 × the users',
  entries: 'growth: stored entries',
}
const small = { groups: 40, size: 5, window: 4 }
/** For the second look: so many a second that batches are as they are in use, and so few that two cores have time to spare. */
const inUse = 2_000
const moreGateways = 6
const timesUsers = 10

/** What a message costs when there is more of something, beside the small case: two gateways, 200 users, empty logs. */
export const growthSection: Section = {
  cases: Object.values(names),
  async measure(settings) {
    await using stack = await startBenchStack()
    const product = useStack(stack)
    const reports: CaseReport[] = []
    if (settings.wanted(names.gateways)) {
      await using more = await startMoreGateways(stack, moreGateways)
      const all = useStack(stack, {
        urls: [...stack.urls.gateways, ...more.gateways.map(({ url }) => url)],
        pids: () => [...(product.pids()['gateways'] ?? []), ...more.gateways.map(({ pid }) => pid)],
      })
      reports.push(await compare(names.gateways, 'moreGateways', settings, { small: product, large: all }))
    }
    if (settings.wanted(names.users))
      reports.push(
        await compare(
          names.users,
          'moreUsers',
          settings,
          { small: product, large: product },
          // As many messages are under way as in the small case.
          { ...small, groups: small.groups * timesUsers, window: small.window / timesUsers },
        ),
      )
    if (settings.wanted(names.entries)) reports.push(await measureEntries(product, settings))
    return reports
  },
}

/** Another stack, because one's logs cannot be full and empty in turn. */
async function measureEntries(product: Contender, settings: Settings): Promise<CaseReport> {
  await using full = await startBenchStack()
  await sendFirst(full)
  await fillLogs(full, settings.entries, 0, settings.tell)
  // As autovacuum does in time.
  await query(full, 'vacuum analyze messages.entry')
  const report = await compare(names.entries, 'moreEntries', settings, {
    small: product,
    large: useStack(full),
  })
  return {
    ...report,
    notes: [...report.notes, `${settings.entries.toLocaleString('en')} entries were stored before`],
  }
}

/** Saturated for the bar, since that is the same on a machine with other work too, and at a rate beside it. */
async function compare(
  name: string,
  bar: BarName,
  { rounds, warmUpMs, seconds, tell }: Settings,
  sides: { small: Contender; large: Contender },
  largePlan = small,
): Promise<CaseReport> {
  const times = { warmUpMs, measureMs: seconds * 1_000 }
  const measure = async (how: string, rate: { ratePerSecond?: number }) => {
    const pairs = await inTurn(
      rounds,
      {
        bare: () => runLoad(sides.small, { ...small, ...times, ...rate }),
        product: () => runLoad(sides.large, { ...largePlan, ...times, ...rate }),
      },
      ({ bare, product }, round) =>
        tell(
          `${name}, ${how}, round ${round}: ${totalCpuUs(bare).toFixed(0)} µs, then ${totalCpuUs(product).toFixed(0)} µs a message`,
        ),
    )
    const [bare, large] = sidesOf(pairs, { bare: 'small case', product: 'large case' })
    return { pairs, report: loadReport(`${name}, ${how}`, [bare, large], bare, large) }
  }
  for (const side of [sides.small, sides.large]) await warmUp(side, small)
  const saturated = await measure('saturated', {})
  const atRate = await measure(`${inUse}/s`, { ratePerSecond: inUse })
  return {
    name,
    readings: [readingOf(bar, saturated.pairs, totalCpuUs)],
    tables: [...saturated.report.tables, ...atRate.report.tables],
    notes: [
      ...saturated.report.notes,
      `at ${inUse}/s: ${median(atRate.pairs.map(({ bare, product }) => totalCpuUs(product) / totalCpuUs(bare))).toFixed(2)} ×`,
    ],
    voids: [...saturated.report.voids, ...atRate.report.voids],
    rounds: { saturated: saturated.pairs, atRate: atRate.pairs },
  }
}
