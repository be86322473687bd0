import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Migrations, migrateTo } from '@parley/shared/migrations'
import type { Pool } from 'pg'

interface Column {
  tableName: string
  columnName: string
  type: string
  isRequired: boolean
  hasDefault: boolean
}

/** The half of a change that takes something away names the migration, of an earlier release, that made it needless. */
interface MigrationModule {
  contracts?: string
}

/**
 * Applies the migrations that came after a release, one by one, and tells which of them take something from the statements
 * that its processes still run: a table or column that is gone or named anew, another type, a value that became required.
 */
export async function findContractions(
  pool: Pool,
  migrations: Migrations,
  { released, all }: { released: string[]; all: string[] },
): Promise<string[]> {
  const last = released.at(-1)
  if (last === undefined) throw new Error('a release without migrations')
  await migrateTo(pool, migrations, last)
  const found: string[] = released.filter((name) => !all.includes(name)).map((name) => `${name} is gone`)
  const known = await listColumns(pool, migrations.schema)
  for (const name of all.filter((it) => !released.includes(it))) {
    const before = await listColumns(pool, migrations.schema)
    await migrateTo(pool, migrations, name)
    const after = await listColumns(pool, migrations.schema)
    const { contracts } = (await import(
      pathToFileURL(path.join(migrations.folder, `${name}.ts`)).href
    )) as MigrationModule
    if (contracts !== undefined && released.includes(contracts)) continue
    found.push(...compareColumns(ofKnownTables(before, known), after).map((what) => `${name}: ${what}`))
  }
  return found
}

/** Of tables that the release does not know, its statements say nothing. */
const ofKnownTables = (columns: Column[], known: Column[]) =>
  columns.filter(({ tableName }) => known.some((column) => column.tableName === tableName))

export function compareColumns(before: Column[], after: Column[]): string[] {
  const keyOf = ({ tableName, columnName }: Column) => `${tableName}.${columnName}`
  const now = new Map(after.map((column) => [keyOf(column), column]))
  const taken = before.flatMap((column) => {
    const here = now.get(keyOf(column))
    if (!here) return [`${keyOf(column)} is gone`]
    if (here.type !== column.type) return [`${keyOf(column)} was ${column.type} and is ${here.type}`]
    if (here.isRequired && !here.hasDefault && !column.isRequired) return [`${keyOf(column)} became required`]
    return !here.hasDefault && column.hasDefault && column.isRequired
      ? [`${keyOf(column)} has no default any more`]
      : []
  })
  const was = new Set(before.map(keyOf))
  const tables = new Set(before.map(({ tableName }) => tableName))
  const demanded = after
    .filter((column) => tables.has(column.tableName) && !was.has(keyOf(column)))
    .filter(({ isRequired, hasDefault }) => isRequired && !hasDefault)
  return [...taken, ...demanded.map((column) => `${keyOf(column)} is new, required and without a default`)]
}

export async function listColumns(pool: Pool, schema: string): Promise<Column[]> {
  const { rows } = await pool.query<Column>(
    `select table_name as "tableName", column_name as "columnName", udt_name as type, is_nullable = 'NO' as "isRequired",
       column_default is not null or is_identity = 'YES' or is_generated = 'ALWAYS' as "hasDefault"
     from information_schema.columns where table_schema = $1 order by 1, 2`,
    [schema],
  )
  return rows
}
