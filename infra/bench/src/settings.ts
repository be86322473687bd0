import { parseArgs } from 'node:util'

type Size = 'quick' | 'usual' | 'full'

interface Amounts {
  rounds: number
  seconds: number
  /** Connections of each side that are looked at while nothing happens. */
  idleSockets: number
  stormSockets: number
  /** Stored before messages are measured beside an empty log. */
  entries: number
  /** Of a push. */
  recipients: number
  photos: number
  parallelUploads: number
}

const sizes: Record<Size, Amounts> = {
  quick: {
    rounds: 1,
    seconds: 3,
    idleSockets: 1_000,
    stormSockets: 1_000,
    entries: 100_000,
    recipients: 2_000,
    photos: 6,
    parallelUploads: 20,
  },
  usual: {
    rounds: 3,
    seconds: 6,
    idleSockets: 2_500,
    stormSockets: 5_000,
    entries: 1_000_000,
    recipients: 10_000,
    photos: 24,
    parallelUploads: 100,
  },
  full: {
    rounds: 5,
    seconds: 10,
    idleSockets: 5_000,
    stormSockets: 5_000,
    entries: 10_000_000,
    recipients: 10_000,
    photos: 24,
    parallelUploads: 100,
  },
}

export interface Settings extends Amounts {
  size: Size
  /** Before each measurement: code is compiled, caches are filled. */
  warmUpMs: number
  /** Where the JSON report goes. */
  json: string | undefined
  /** Whether a case of this name is to be measured. */
  wanted: (name: string) => boolean
  /** Tells the person who waits. */
  tell: (line: string) => void
}

/** `--quick` or `--full` choose how much of everything; `--rounds`, `--seconds` and `--entries` win over them. */
export function loadSettings(args: string[]): Settings {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      entries: { type: 'string' },
    },
  })
  const size = values.quick ? 'quick' : values.full ? 'full' : 'usual'
  const amounts = sizes[size]
  const only = values.only?.split(',')
  return {
    ...amounts,
    size,
    rounds: positive(values.rounds, amounts.rounds),
    seconds: positive(values.seconds, amounts.seconds),
    entries: positive(values.entries, amounts.entries),
    warmUpMs: values.quick ? 1_000 : 2_000,
    json: values.json,
    wanted: (name) => !only || only.some((part) => name.includes(part.trim())),
    tell: (line) => void process.stderr.write(`${line}\n`),
  }
}

function positive(given: string | undefined, usual: number): number {
  if (given === undefined) return usual
  const number = Number(given)
  if (!(number > 0)) throw new Error(`${given} is not a number above 0`)
  return number
}
