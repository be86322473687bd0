import { hash } from 'node:crypto'
import { z } from 'zod'
import type { OpenedSet, SetOptions } from '../providers/opened-set.ts'
import { providerKinds } from '../providers/provider-kinds.ts'
import { type ProviderName, providerNames } from '../providers/provider.ts'

/** Credentials that have been read and make sense, not yet in use. */
export interface CredentialSet {
  /** Of the file they came from, or of the provider if they came from variables. */
  name: string
  provider: ProviderName
  /** The apps they are for, as devices name them; undefined for all that no other set names. */
  topics: string[] | undefined
  /** APNs alone tells the two apart. */
  environment: 'production' | 'sandbox' | undefined
  /** Changes with any of it. */
  fingerprint: string
  open(options: SetOptions): OpenedSet
}

const Head = z.looseObject({
  provider: z.enum(providerNames),
  topics: z.array(z.string().min(1).max(256)).min(1).max(400).optional(),
  environment: z.enum(['production', 'sandbox']).optional(),
})

/** Reads one set. Throws a ZodError that names fields and never shows a value. */
export function readCredentialSet(name: string, raw: unknown): CredentialSet {
  const { provider, topics, ...own } = Head.parse(raw)
  return {
    name,
    provider,
    topics,
    environment: provider === 'apns' ? (own.environment ?? 'production') : undefined,
    fingerprint: hash('sha256', JSON.stringify(raw), 'hex'),
    open: providerKinds[provider].prepare(own),
  }
}
