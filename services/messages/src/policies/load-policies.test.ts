import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test as base } from 'vitest'
import { loadPolicies } from './load-policies.ts'
import type { Policy } from './policy.ts'
import { shippedPolicies } from './shipped.ts'

const publicGroup = shippedPolicies.find(({ id }) => id === 'public') as Policy

/** Writes an operator's file, and says where. */
const test = base.extend('write', async ({}, { onCleanup }) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-policies-'))
  onCleanup(() => rm(folder, { recursive: true }))
  return async (content: unknown): Promise<string> => {
    const file = path.join(folder, 'policies.json')
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
    return file
  }
})

test("A8.13 an operator's kinds of groups stand beside the shipped ones, or take their place", async ({
  write,
}) => {
  const community = { ...publicGroup, id: 'community', maxMembers: 100_000 }
  const smaller = { ...publicGroup, maxMembers: 50 }
  const policies = loadPolicies(await write([community, smaller]))
  expect(policies.get('community')).toEqual(community)
  expect(policies.get('public')?.maxMembers).toBe(50)
  expect([...policies.keys()]).toEqual([...shippedPolicies.map(({ id }) => id), 'community'])
})

test('A8.13 rules that cannot be kept stop the start with the story of what goes wrong', async ({
  write,
}) => {
  const file = await write([{ ...publicGroup, id: 'trap', quit: [], dissolve: [], transfer: [] }])
  expect(() => loadPolicies(file)).toThrow(/trap: .*bound to it for ever/)
})

test('A8.13 a file that the release before reads too is taken', async ({ write }) => {
  const policies = loadPolicies(await write([{ ...publicGroup, id: 'shared', readers: 'members' }]))
  expect(policies.get('shared')?.id).toBe('shared')
})

test.for([
  ['what is no JSON', '{'],
  ['a rule that is none', [{ ...publicGroup, mayFly: true }]],
  ['a role nobody has', [{ ...publicGroup, quit: ['guest'] }]],
  ['readers who are no members', [{ ...publicGroup, readers: 'anyone' }]],
  ['what is no list', publicGroup],
] as const)('A8.13 a file with %s is refused by its name', async ([, content], { write }) => {
  const file = await write(content)
  expect(() => loadPolicies(file)).toThrow(`${file} holds no group policies`)
})
