import { startBenchStack } from '../bench-stack.ts'
import type { CaseReport, Section } from '../section.ts'
import { startRelays } from '../send/bare-contender.ts'
import type { Contender } from '../send/contender.ts'
import { allBut, useStack } from '../send/product-contender.ts'
import { type LoadResult, runLoad, warmUp } from '../send/run-load.ts'
import type { Settings } from '../settings.ts'
import { fillLogs } from '../sizing/fill-logs.ts'
import { sendFirst } from '../sizing/send-first.ts'
import { query } from '../storm/statements.ts'
import { whileStopped } from '../while-stopped.ts'
import {
  type Grown,
  type GrowthBars,
  growthReadings,
  growthReport,
  type Round,
  told,
} from './growth-report.ts'
import { startMoreGateways } from './more-gateways.ts'

const names = {
  gateways: 'growth: 8 gateways',
  users: 'growth: 10 × the users',
  entries: 'growth: stored entries',
}
const small = { groups: 40, size: 5, window: 4 }
/** For the second look: so many a second that batches are as they are in use, and so few that two cores have time to spare. */
const inUse = 2_000
const gateways = 2
const moreGateways = 6
const timesUsers = 10

/** Who sends what. The relay grows likewise, where there is something that it has too. */
interface Growth {
  product: Grown<Contender>
  relay?: Grown<Contender>
  largePlan?: typeof small
}

/**
 * What a message costs when there is more of something, beside the small case, and more gateways and users beside a relay that
 * has as many too (ADR 46).
 */
export const growthSection: Section = {
  cases: Object.values(names),
  async measure(settings) {
    await using opened = new AsyncDisposableStack()
    const stack = opened.use(await startBenchStack())
    const product = useStack(stack)
    const relay = opened.use(await startRelays(stack))
    const reports: CaseReport[] = []
    if (settings.wanted(names.gateways)) {
      await using more = await startMoreGateways(stack, moreGateways)
      await using moreRelays = await startRelays(stack, gateways + moreGateways)
      const all = useStack(stack, {
        urls: [...stack.urls.gateways, ...more.gateways.map(({ url }) => url)],
        pids: () => [...(product.pids()['gateways'] ?? []), ...more.gateways.map(({ pid }) => pid)],
      })
      reports.push(
        await compare(
          names.gateways,
          { besideSmall: 'moreGateways', besideRelay: 'gatewaysBesideRelay' },
          settings,
          {
            product: { small: product, large: all },
            relay: { small: relay, large: moreRelays },
          },
        ),
      )
    }
    if (settings.wanted(names.users))
      reports.push(
        await compare(names.users, { besideSmall: 'moreUsers', besideRelay: 'usersBesideRelay' }, settings, {
          product: { small: product, large: product },
          relay: { small: relay, large: relay },
          // As many messages are under way as in the small case.
          largePlan: { ...small, groups: small.groups * timesUsers, window: small.window / timesUsers },
        }),
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
  const report = await compare(names.entries, { besideSmall: 'moreEntries' }, settings, {
    product: { small: product, large: useStack(full) },
  })
  return {
    ...report,
    notes: [...report.notes, `${settings.entries.toLocaleString('en')} entries were stored before`],
  }
}

/** Saturated for the bar, since that is the same on a machine with other work too, and at a rate beside it. */
async function compare(
  name: string,
  bars: GrowthBars,
  { rounds, warmUpMs, seconds, tell }: Settings,
  { product, relay, largePlan = small }: Growth,
): Promise<CaseReport> {
  const times = { warmUpMs, measureMs: seconds * 1_000 }
  for (const side of new Set([product.small, product.large, relay?.small, relay?.large]))
    if (side) await warmUp(side, small)

  const measure = async (how: string, rate: { ratePerSecond?: number }) => {
    const run = async (of: Grown<Contender>): Promise<Grown<LoadResult>> => ({
      small: await runLoad(of.small, { ...small, ...times, ...rate }),
      large: await runLoad(of.large, { ...largePlan, ...times, ...rate }),
    })
    const measured: Round[] = []
    while (measured.length < rounds) {
      const stopped = allBut(product.large, 'redis')
      const round: Round = {
        ...(relay && { relay: await whileStopped(stopped, () => run(relay)) }),
        product: await run(product),
      }
      measured.push(round)
      tell(`${name}, ${how}, round ${measured.length}: ${told(round)}`)
    }
    return { measured, report: growthReport(name, how, measured) }
  }
  const saturated = await measure('saturated', {})
  const atRate = await measure(`${inUse}/s`, { ratePerSecond: inUse })
  return {
    name,
    readings: growthReadings(bars, saturated.measured),
    tables: [...saturated.report.tables, ...atRate.report.tables],
    notes: [...saturated.report.notes, ...atRate.report.notes],
    voids: [...saturated.report.voids, ...atRate.report.voids],
    rounds: { saturated: saturated.measured, atRate: atRate.measured },
  }
}
