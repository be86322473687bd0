import path from 'node:path'
import type { Logger } from '@parley/shared/log'
import { listPendingMigrations, migrateToLatest } from '@parley/shared/migrations'
import { openPool, queryBuilder } from '@parley/shared/postgres'
import { sql } from 'kysely'
import type { Pool } from 'pg'

export const schema = 'messages'

const migrations = { folder: path.join(import.meta.dirname, 'migrations'), schema }

/** Brings the schema to the newest version; the names of the migrations that were applied. */
export function migrate(database: { url: string }, log: Logger): Promise<string[]> {
  return migrateToLatest(database, migrations, log)
}

/** The names of the migrations that are still to be applied. */
export function listPending(database: { url: string }, log: Logger): Promise<string[]> {
  return withPool(database, log, (pool) => listPendingMigrations(pool, migrations))
}

/**
 * Makes a database that came out of a backup a history of its own: devices that were ahead of it start over, and what
 * was changed by transactions of another server counts as changed now. Without it a device goes on with a cursor
 * that this history never gave, and a dump's transaction ids, which may lie in this server's future, are told again with
 * every sync. To be run once, before services start. Gives back the tables that were rewritten.
 */
export function beginNewHistory(database: { url: string }, log: Logger): Promise<string[]> {
  return withPool(database, log, (pool) =>
    queryBuilder<unknown>(pool)
      .transaction()
      .execute(async (trx) => {
        // Every member is rewritten, which takes as long as it takes.
        await sql`set local statement_timeout = 0`.execute(trx)
        await sql`update log_epoch set epoch = gen_random_uuid()`.execute(trx)
        const { rows } = await sql<{ tableName: string; columnName: string }>`
          select c.table_name, c.column_name
          from information_schema.columns c
          join information_schema.tables t using (table_schema, table_name)
          where c.table_schema = ${schema} and c.udt_name = 'xid8' and t.table_type = 'BASE TABLE'`.execute(
          trx,
        )
        for (const { tableName, columnName } of rows)
          await sql`update ${sql.ref(tableName)} set ${sql.ref(columnName)} = pg_current_xact_id()`.execute(
            trx,
          )
        return rows.map(({ tableName }) => tableName)
      }),
  )
}

async function withPool<T>(
  { url }: { url: string },
  log: Logger,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const pool = openPool({ url, poolSize: 1, schema }, log)
  try {
    return await work(pool)
  } finally {
    await pool.end()
  }
}
