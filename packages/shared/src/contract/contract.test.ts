import { expect, test } from 'vitest'
import { z } from 'zod'
import { compareReleases } from './compare-releases.ts'
import { readFrozen } from './frozen.ts'
import { describeWire } from './wire.ts'

test('P11 processes of this release and of the one before understand all that the other says', () => {
  // A sentence here names what broke. Expand first: take both, say the old; a release later say the new (CONTRIBUTING).
  expect(compareReleases(readFrozen(), describeWire())).toEqual([])
})

test('a change that one side would refuse is told with the message and the field', () => {
  const wire = describeWire()
  const schema = (it: z.ZodType) => z.toJSONSchema(it, { io: 'input' }) as never
  const change = (name: string, it: z.ZodType) => {
    const { $schema: _version, ...json } = schema(it) as { $schema?: string }
    const { direction = 'between-services' } = wire.messages[name] ?? {}
    return { ...wire, messages: { ...wire.messages, [name]: { direction, schema: json } } }
  }
  expect(
    compareReleases(wire, change('job media-process', z.object({ mediaId: z.uuid(), size: z.int() }))),
  ).toContain(
    'job media-process: sent by the release before, refused now: it.size may be missing, and it is required',
  )
  expect(
    compareReleases(wire, change('rpc presence/seen request', z.object({ left: z.string() }))),
  ).toContain(
    'rpc presence/seen request: sent now, refused by the release before: it.seen may be missing, and it is required',
  )
  const { 'log:grown': _gone, ...messages } = wire.messages
  expect(compareReleases(wire, { ...wire, messages })).toEqual([
    'log:grown: the release before still sends it or waits for it, and it is gone',
  ])
  expect(
    compareReleases(wire, { ...wire, spellings: { ...wire.spellings, 'room of a user': 'user:ann' } }),
  ).toEqual(['room of a user: u:ann in the release before, and user:ann now'])
})

test('what apps send may grow and what they are sent may not shrink, and neither the other way round', () => {
  const wire = describeWire()
  const contract = (direction: 'from-apps' | 'to-apps', it: z.ZodType) => {
    const { $schema: _version, ...schema } = z.toJSONSchema(it, { io: 'input' })
    return { messages: { it: { direction, schema } }, spellings: wire.spellings }
  }
  const [few, more] = [z.strictObject({}), z.strictObject({ note: z.string().optional() })]
  expect(compareReleases(contract('from-apps', few), contract('from-apps', more)).length).toBe(0)
  expect(compareReleases(contract('from-apps', more), contract('from-apps', few)).length).toBe(1)
  const [bare, full] = [z.object({}), z.object({ note: z.string() })]
  expect(compareReleases(contract('to-apps', bare), contract('to-apps', full)).length).toBe(0)
  expect(compareReleases(contract('to-apps', full), contract('to-apps', bare)).length).toBe(1)
})
