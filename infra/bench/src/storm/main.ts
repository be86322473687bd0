import path from 'node:path'
import { parseArgs } from 'node:util'
import { whileStopped } from '../while-stopped.ts'
import { openBareSide } from './bare-side.ts'
import { openProductSide, type ProductSide } from './product-side.ts'
import { statementsEach, type StormCase, type StormRound, toMarkdown } from './report.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    sockets: { type: 'string', default: '5000' },
    rooms: { type: 'string', default: '10' },
    only: { type: 'string' },
    'cpu-prof': { type: 'string' },
  },
})
const [sockets, rooms] = [Number(values.sockets), Number(values.rooms)]
const tell = (line: string) => void process.stderr.write(`${line}\n`)
const only = values.only?.split(',')
const names = (['bare', 'kill', 'drain'] as const).filter(
  (name) => !only || only.some((part) => name.includes(part)),
)

// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using opened = new AsyncDisposableStack()
const storms = await openSides()
const cases = names.map((name): StormCase => ({ name, rounds: [] }))
// One of each in turn, so that a machine that is slow for a while is slow for all.
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const { name, rounds } of cases) {
    const result = await storms[name]()
    rounds.push(result)
    tell(`${name}, round ${round}: ${told(name, result)}`)
  }
}
process.stdout.write(
  values.json
    ? `${JSON.stringify({ at: new Date().toISOString(), sockets, rooms, cases }, undefined, 2)}\n`
    : `${toMarkdown(cases, sockets)}\n`,
)

/** Only those that are wanted are opened. */
async function openSides(): Promise<Record<StormCase['name'], () => Promise<StormRound>>> {
  const unopened = () => Promise.reject(new Error('a storm that nobody wanted'))
  const storms = { bare: unopened, kill: unopened, drain: unopened } as Awaited<ReturnType<typeof openSides>>
  let product: ProductSide | undefined
  if (names.some((name) => name !== 'bare')) {
    tell(`${sockets} people in ${rooms} groups each are being made`)
    const directory = values['cpu-prof']
    const environment: Record<string, string> = directory
      ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${path.resolve(directory)}` }
      : {}
    const side = opened.use(await openProductSide({ sockets, rooms, environment }))
    for (const how of ['kill', 'drain'] as const) storms[how] = () => side.storm(how)
    product = side
  }
  if (names.includes('bare')) {
    const bare = opened.use(await openBareSide(sockets))
    storms.bare = () => whileStopped(product?.pids() ?? [], () => bare.storm())
  }
  return storms
}

function told(name: StormCase['name'], round: StormRound): string {
  const took = `all back and synced after ${round.tookMs.toFixed(0)} ms`
  return name === 'bare'
    ? took
    : `${took}, ${statementsEach(round).toFixed(2)} statements each, ${round.refusals} refusals, ${round.lacking ?? 0} entries lack`
}
