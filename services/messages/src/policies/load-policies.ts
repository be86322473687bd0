import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { checkPolicy } from './check-policy.ts'
import { Policy } from './policy.ts'
import { shippedPolicies } from './shipped.ts'

export type Policies = ReadonlyMap<string, Policy>

/**
 * The shipped policies, and those of the operator's file: a JSON array, each a whole policy; one with the id of a
 * shipped one takes its place.
 *
 * @throws Error naming each policy that is malformed, or in which something goes wrong, and the story of how
 */
export function loadPolicies(file?: string): Policies {
  const own = file === undefined ? [] : parsePolicies(readFileSync(file, 'utf8'), file)
  const policies = new Map([...shippedPolicies, ...own].map((policy) => [policy.id, policy]))
  const stories = [...policies.values()].flatMap((policy) =>
    checkPolicy(policy).map((story) => `${policy.id}: ${story}`),
  )
  if (stories.length > 0) throw new Error(`group policies cannot be kept:\n${stories.join('\n')}`)
  return policies
}

function parsePolicies(text: string, file: string): Policy[] {
  try {
    return z.array(Policy).max(100).parse(JSON.parse(text))
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)
    throw new Error(`${file} holds no group policies:\n${why}`, { cause })
  }
}
