import type { PushTokenKind } from '@parley/shared/protocol'
import type { z } from 'zod'
import type { OpenedSet, SetOptions } from './opened-set.ts'

interface ProviderDefinition<Credentials extends z.ZodType> {
  /** The kinds of token it reaches. */
  tokens: readonly PushTokenKind[]
  /** What a file of credentials holds beside its `provider`, `topics` and `environment`. */
  credentials: Credentials
  open: (credentials: z.output<Credentials>, options: SetOptions) => OpenedSet
}

export interface ProviderKind {
  tokens: readonly PushTokenKind[]
  /** Checks credentials, throwing a ZodError, and says how they are put to use. */
  prepare(raw: unknown): (options: SetOptions) => OpenedSet
}

/** A provider is one such value, in a file of its own, and a line in `provider-kinds.ts`. */
export function defineProvider<Credentials extends z.ZodType>({
  tokens,
  credentials,
  open,
}: ProviderDefinition<Credentials>): ProviderKind {
  return {
    tokens,
    prepare(raw) {
      const read = credentials.parse(raw)
      return (options) => open(read, options)
    },
  }
}
