import type { Stack } from '@parley/local/stack'
import { Client } from 'pg'

/** How often each statement ran and how long, planning included, by its text. */
export type Statements = Map<string, { calls: number; ms: number }>

/** Has Postgres count statements, which needs it started again. */
export async function countStatements(stack: Stack): Promise<void> {
  await query(stack, "alter system set shared_preload_libraries = 'pg_stat_statements'")
  await query(stack, 'alter system set pg_stat_statements.track_planning = on')
  await stack.restart('postgres')
  await query(stack, 'create extension if not exists pg_stat_statements')
}

export async function readStatements(stack: Stack): Promise<Statements> {
  const rows = await query(
    stack,
    `select query, sum(calls)::float8 as calls, sum(total_plan_time + total_exec_time) as ms
     from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
     group by query`,
  )
  return new Map(
    rows.map(({ query: text, calls, ms }) => [String(text), { calls: Number(calls), ms: Number(ms) }]),
  )
}

/** What ran between two readings. */
export function between(before: Statements, after: Statements): Statements {
  return new Map(
    [...after].map(([text, { calls, ms }]) => {
      const was = before.get(text) ?? { calls: 0, ms: 0 }
      return [text, { calls: calls - was.calls, ms: ms - was.ms }]
    }),
  )
}

export async function query(stack: Stack, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: stack.urls.postgres })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}
