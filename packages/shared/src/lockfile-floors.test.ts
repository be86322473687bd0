import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

// Below these, published advisories apply: CVE-2026-69185, CVE-2026-59725, CVE-2026-48779.
const floors = { 'socket.io-parser': '4.2.7', 'engine.io': '6.6.7', ws: '8.21.0' }

const lockfile = readFileSync(path.join(import.meta.dirname, '../../../pnpm-lock.yaml'), 'utf8')
const numbers = (version: string) => version.split('.').map(Number)
const isBelow = (version: string, floor: string) => {
  const [a, b] = [numbers(version), numbers(floor)]
  const at = a.findIndex((n, i) => n !== b[i])
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0)
}

test.for(Object.entries(floors))('no %s below %s is installed', ([name, floor]) => {
  const versions = [
    ...lockfile.matchAll(new RegExp(`^  ${name.replace('.', '\\.')}@(\\d+\\.\\d+\\.\\d+)`, 'gm')),
  ].map(([, version]) => version ?? '')
  expect(versions.length).toBeGreaterThan(0)
  expect(versions.filter((version) => isBelow(version, floor))).toEqual([])
})

test('the lockfile names no host to download from', () => {
  expect(lockfile).not.toMatch(/https?:\/\//)
})
