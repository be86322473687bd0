import { findRefusals, type Schema } from './find-refusals.ts'
import type { WireContract } from './wire.ts'

/** What breaks while processes of two neighbouring releases run side by side; a sentence each. */
export function compareReleases(before: WireContract, now: WireContract): string[] {
  const found: string[] = []
  for (const [name, { direction, schema }] of Object.entries(before.messages)) {
    const here = now.messages[name]
    if (!here) {
      found.push(`${name}: the release before still sends it or waits for it, and it is gone`)
      continue
    }
    const say = (what: string) => (refusal: string) => `${name}: ${what}: ${refusal}`
    const [old, fresh] = [schema, here.schema] as [Schema, Schema]
    if (direction !== 'from-apps')
      found.push(...findRefusals(fresh, old).map(say('sent now, refused by the release before')))
    if (direction !== 'to-apps')
      found.push(...findRefusals(old, fresh).map(say('sent by the release before, refused now')))
  }
  for (const [name, spelling] of Object.entries(before.spellings))
    if (now.spellings[name] !== spelling)
      found.push(`${name}: ${spelling} in the release before, and ${now.spellings[name] ?? 'nothing'} now`)
  return found
}
