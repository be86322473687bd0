import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import { Pool, TypeOverrides, types } from 'pg'
import type { Logger } from './log.ts'
import { PreparingClient } from './preparing-client.ts'

export interface PostgresConfig {
  url: string
  poolSize: number
  /** The schema the service owns; nothing of another service is in its search path. */
  schema: string
  /**
   * `by-index`: only plans that look rows up by index. For statements that always name a few rows of large
   * tables: a plan made while the tables were small must not become a scan when they are not.
   */
  plans?: 'by-index'
  /** After which the server gives up a statement. */
  statementTimeoutMs?: number
}

/** A pool that reads bigint as number: ours count messages, which stay far below 2^53. */
export function openPool(
  { url, poolSize, schema, plans, statementTimeoutMs = 15_000 }: PostgresConfig,
  log: Logger,
): Pool {
  const overrides = new TypeOverrides()
  overrides.setTypeParser(types.builtins.INT8, Number)
  const pool = new Pool({
    Client: PreparingClient,
    connectionString: url,
    max: poolSize,
    types: overrides,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: statementTimeoutMs,
    application_name: `parley-${schema}`,
    options: [`search_path=${schema}`, notCompiled, ...(plans === 'by-index' ? byIndex : [])]
      .map((setting) => `-c ${setting}`)
      .join(' '),
  })
  // A connection that breaks while idle is replaced; without a listener it would end the process.
  pool.on('error', (err) => log.warn({ err }, 'idle postgres connection lost'))
  return pool
}

/**
 * Statements here take milliseconds, and what Postgres believes of a large log's many partitions may be dear enough for it to
 * compile them first, which takes hundreds ("When to JIT?", PostgreSQL 18, 30.2).
 */
const notCompiled = 'jit=off'

const byIndex = [
  'enable_seqscan=off',
  // Else a table that was empty when it was looked at is read as a whole for as long as the plan lives.
  'enable_material=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'plan_cache_mode=force_generic_plan',
]

/** Queries over a pool the caller owns. */
export function queryBuilder<Database>(pool: Pool): Kysely<Database> {
  return new Kysely<Database>({
    dialect: new PostgresDialect({ pool }),
    // Without this option the plugin also renames keys inside jsonb values.
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })
}
