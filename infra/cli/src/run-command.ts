import { parseArgs } from 'node:util'
import type { Command, Outcome } from './command.ts'
import { doctor, drain, status } from './commands/nodes.ts'
import { broadcast, connections, explain, kick, restore, suspend } from './commands/people.ts'
import { letters, push, replay } from './commands/pushes.ts'
import { failed, queues, retry } from './commands/queues.ts'
import { loadConfig } from './config.ts'
import { createNodes } from './nodes.ts'

const commands: Record<string, Command> = {
  status,
  doctor,
  connections,
  kick,
  suspend,
  restore,
  broadcast,
  queues,
  failed,
  retry,
  push,
  letters,
  replay,
  drain,
  explain,
}

/** A command line that makes no sense; the message is the usage. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Carries out one command line. Throws UsageError, ConfigError, and the AppError of a node. */
export async function runCommand(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<Outcome & { json: boolean }> {
  const { values, positionals } = parse(args)
  const [name = '', ...given] = positionals
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) throw new UsageError(usage())
  const required = command.args.filter((arg) => !arg.startsWith('['))
  if (given.length < required.length || given.length > command.args.length)
    throw new UsageError(`parley ${[name, ...command.args].join(' ')}: ${command.says}`)
  return { ...(await command.run(createNodes(loadConfig(env)), given)), json: values.json }
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { json: { type: 'boolean', default: false } } })
  } catch {
    throw new UsageError(usage())
  }
}

function usage(): string {
  const lines = Object.entries(commands).map(
    ([name, { args, says }]) => [[name, ...args].join(' '), says] as const,
  )
  const width = Math.max(...lines.map(([line]) => line.length))
  return [
    'parley COMMAND [--json]',
    ...lines.map(([line, says]) => `  ${line.padEnd(width)}  ${says}`),
    'PARLEY_NODES lists the internal addresses of all nodes, INTERNAL_SECRET_FILE names the secret they share;',
    'without them it is the stack of `npm start` in this directory.',
  ].join('\n')
}
