import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { Env as gateway } from '../../../services/gateway/src/config.ts'
import { Env as media } from '../../../services/media/src/config.ts'
import { Env as messages } from '../../../services/messages/src/config.ts'
import { Env as push } from '../../../services/push/src/config.ts'
import { Env as local } from './config.ts'

const lines = readFileSync(path.resolve(import.meta.dirname, '../../../.env.example'), 'utf8').split('\n')
const listed = lines.flatMap((line, i) => {
  const match = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line)
  return match ? [{ name: match[1] ?? '', value: match[2] ?? '', above: lines[i - 1] ?? '' }] : []
})
const schemas = { gateway, media, messages, push, local }
const declared = new Map<string, unknown[]>()
for (const { shape } of Object.values(schemas)) {
  for (const [name, schema] of Object.entries(shape)) {
    const given = schema.safeParse(undefined)
    declared.set(name, [...(declared.get(name) ?? []), given.success ? given.data : undefined])
  }
}

test('lists every variable of every service once, and nothing else', () => {
  const names = listed.map(({ name }) => name).toSorted((a, b) => a.localeCompare(b))
  expect(names).toEqual([...declared.keys()].toSorted((a, b) => a.localeCompare(b)))
})

test.for(listed)('$name has one line that says what it is', ({ above }) => {
  expect(above).toMatch(/^# [A-Za-z].*\.$/)
})

test.for(listed.filter(({ value }) => value !== ''))('$name shows the default it has', ({ name, value }) => {
  const defaults = (declared.get(name) ?? []).filter((given) => given !== undefined).map(String)
  for (const given of defaults) expect(value).toBe(given)
})
