import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Stack } from '@parley/local/stack'
import { cpuMsOf } from '../cpu.ts'
import { endWithThis } from '../end-with-this.ts'

export interface TransactionsResult {
  messagesPerSecond: number
  /** Of the program and of Postgres, in microseconds. */
  cpuUsPerMessage: { program: number; postgres: number }
}

interface Measured {
  messagesPerSecond: number
  messages: number
  cpuMs: number
}

/** More gained nothing, and many were slower: all wait for the same row. */
const clients = 4

/** The bare program for one round, on the Postgres of the stack. Throws if what it committed is not there. */
export async function runTransactions(
  stack: Stack,
  { warmUpMs, measureMs }: { warmUpMs: number; measureMs: number },
): Promise<TransactionsResult> {
  const child = endWithThis(
    spawn(
      process.execPath,
      [
        path.join(import.meta.dirname, '../bare/transaction-per-message.ts'),
        ...[stack.urls.postgres, clients, warmUpMs, measureMs].map(String),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    ),
  )
  const exited = once(child, 'exit')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const postgres = () => cpuMsOf([stack.pid('postgres') ?? 0])
  await lines.next()
  const before = postgres()
  const { value = '' } = await lines.next()
  const postgresMs = postgres() - before
  const [status] = (await exited) as [number]
  if (status !== 0) throw new Error('one transaction per message failed')
  const { messagesPerSecond, messages, cpuMs } = JSON.parse(value) as Measured
  return {
    messagesPerSecond,
    cpuUsPerMessage: { program: (cpuMs * 1_000) / messages, postgres: (postgresMs * 1_000) / messages },
  }
}
