import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describeWire, type WireContract } from './wire.ts'

const root = path.resolve(import.meta.dirname, '../../../..')
const dir = path.join(root, 'packages/shared/contract')
const migrationDirs = ['messages', 'media'].map((service) => ({
  service,
  dir: path.join(root, `services/${service}/src/db/migrations`),
}))

/** What a release says and hears, and the migrations it came with. */
export interface FrozenContract extends WireContract {
  release: string
  migrations: Record<string, string[]>
}

export const listMigrations = (): FrozenContract['migrations'] =>
  Object.fromEntries(migrationDirs.map(({ service, dir: from }) => [service, readdirSync(from).toSorted()]))

/** The contract of the newest release that was frozen: processes of it run beside those of this one. */
export function readFrozen(): FrozenContract {
  const byNumber = new Intl.Collator('en', { numeric: true }).compare
  const newest = readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .toSorted(byNumber)
    .at(-1)
  if (!newest) throw new Error(`no release is frozen in ${dir}`)
  return JSON.parse(readFileSync(path.join(dir, newest), 'utf8')) as FrozenContract
}

/** Writes down what this release says. A release that is out says it for ever, so nothing is written over. */
export function freeze(): string {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
  const file = path.join(dir, `${version}.json`)
  if (existsSync(file))
    throw new Error(`${version} is frozen already: raise the version in package.json first`)
  const contract: FrozenContract = { release: version, migrations: listMigrations(), ...describeWire() }
  writeFileSync(file, `${JSON.stringify(contract, undefined, 1)}\n`)
  return file
}
