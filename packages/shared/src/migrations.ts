import { promises as fs } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { FileMigrationProvider, Migrator } from 'kysely/migration'
import { DatabaseError, type Pool } from 'pg'
import type { Logger } from './log.ts'
import { openPool } from './postgres.ts'

export interface Migrations {
  folder: string
  schema: string
}

/**
 * So long everybody else queues behind a migration that waits for a lock; then they have their turn before it tries again.
 * More than Postgres' `deadlock_timeout` (1 s), at which an autovacuum that is in the way is cancelled.
 */
const lockWaitMs = 2_000
const betweenTriesMs = 3_000
/** A few minutes of tries. What holds a lock for longer, a dump as a rule, is to end first. */
const mostTries = 50

/**
 * Brings a schema to its newest version and names what was applied. Each migration has a transaction of its own, which takes
 * as long as it takes: its locks end with it, and one that fails leaves those before it applied. Safe to run from many
 * places at once, and of several schemas: one is at work, the others wait for it. A database that cannot hold every text is
 * refused.
 */
export async function migrateToLatest(
  { url }: { url: string },
  migrations: Migrations,
  log: Logger,
): Promise<string[]> {
  const pool = openPool({ url, poolSize: 1, schema: migrations.schema }, log)
  try {
    return await overPool(pool)
      .connection()
      .execute(async (db) => {
        await needUnicode(db)
        await sql`set statement_timeout = 0`.execute(db)
        // Kysely's own lock lasts as long as one migration, and it looks at the tables without it, which fails beside another's changes.
        await sql`select pg_advisory_lock(hashtextextended('parley migrations', 0))`.execute(db)
        await sql`set lock_timeout = ${sql.lit(lockWaitMs)}`.execute(db)
        return applyAll(migratorOf(db, migrations), log)
      })
  } finally {
    await pool.end()
  }
}

/** In any other encoding some text or other is an internal error: a sign-up in SQL_ASCII, the first emoji in LATIN1. */
async function needUnicode(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ encoding: string }>`
    select current_setting('server_encoding') as encoding`.execute(db)
  const encoding = rows[0]?.encoding
  if (encoding !== 'UTF8')
    throw new Error(
      `the encoding of this database is ${encoding} and must be UTF8: create database NAME encoding 'UTF8' template template0`,
    )
}

async function applyAll(migrator: Migrator, log: Logger): Promise<string[]> {
  const applied: string[] = []
  for (;;) {
    const name = await applyNext(migrator, log)
    if (name === undefined) return applied
    applied.push(name)
  }
}

async function applyNext(migrator: Migrator, log: Logger): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    const { error, results } = await migrator.migrateUp()
    const name = results?.[0]?.migrationName
    if (!error) return name
    if (name === undefined || tries >= mostTries || !isLockTimeout(error))
      throw new Error(name === undefined ? 'migration failed' : `migration ${name} failed`, { cause: error })
    log.warn({ migration: name, tries }, 'a migration waits for a lock that others hold')
    await pause(betweenTriesMs)
  }
}

/** All up to one migration, for tests of what a later one does to an earlier release. */
export async function migrateTo(pool: Pool, migrations: Migrations, name: string): Promise<void> {
  const { error } = await migratorOf(overPool(pool), migrations).migrateTo(name)
  if (error) throw new Error('migration failed', { cause: error })
}

/** The names of the migrations that this release has and the database has not. Changes nothing. */
export async function listPendingMigrations(pool: Pool, migrations: Migrations): Promise<string[]> {
  const all = await migratorOf(overPool(pool), migrations).getMigrations()
  return all.filter(({ executedAt }) => executedAt === undefined).map(({ name }) => name)
}

const overPool = (pool: Pool) => new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })

const migratorOf = (db: Kysely<unknown>, { folder, schema }: Migrations) =>
  new Migrator({
    db,
    provider: new FileMigrationProvider({ fs, path, migrationFolder: folder }),
    migrationTableSchema: schema,
  })

const isLockTimeout = (cause: unknown) => cause instanceof DatabaseError && cause.code === '55P03'
