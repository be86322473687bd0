import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { badCursor } from '../errors.ts'
import { toEntryFor } from '../log/entry.ts'
import { toListed } from '../log/listed.ts'
import { listEntriesOfMany } from '../log/store.ts'
import * as store from './store.ts'

const Position = z.tuple([z.boolean(), z.iso.datetime(), z.string().max(64)])

/** A page of the list as a person sees it. Two statements, however many conversations there are. */
export async function listConversations(
  { db }: Pick<Context, 'db'>,
  userId: UserId,
  { next, limit }: ClientRequest<'conversation:list'>,
): Promise<ClientReply<'conversation:list'>> {
  const after = next === undefined ? null : parsePosition(next)
  const rows = await store.listConversations(db, { userId, after, limit: limit + 1 })
  const page = rows.slice(0, limit)
  const shown = page.map((row) => ({ ...row, after: row.shownSeq - 1 }))
  const entries = Map.groupBy(
    await listEntriesOfMany(db, userId, shown, 1),
    ({ conversationId }) => conversationId,
  )
  const last = rows.length > limit ? page.at(-1) : undefined
  return {
    conversations: page.map((row) =>
      toListed(
        row,
        (entries.get(row.conversationId) ?? []).map((entry) => toEntryFor(userId, entry)),
      ),
    ),
    ...(last ? { next: encodePosition(last) } : {}),
  }
}

function encodePosition({ pinned, lastAt, conversationId }: store.ListPosition): string {
  return Buffer.from(JSON.stringify([pinned, lastAt, conversationId])).toString('base64url')
}

function parsePosition(text: string): store.ListPosition {
  try {
    const [pinned, lastAt, conversationId] = Position.parse(
      JSON.parse(Buffer.from(text, 'base64url').toString()),
    )
    return { pinned, lastAt, conversationId }
  } catch {
    throw badCursor()
  }
}
