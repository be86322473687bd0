import { Timestamp } from '@parley/shared/entry'
import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { toEntryFor } from '../log/entry.ts'
import { toListed } from '../log/listed.ts'
import { decodePosition, encodePosition } from '../log/opaque-position.ts'
import { listEntriesOfMany } from '../log/store.ts'
import * as store from './store.ts'

const Position = z.tuple([z.boolean(), Timestamp, z.string().max(64)])

/** A page of the list as a person sees it. Two statements, however many conversations there are. */
export async function listConversations(
  { db }: Pick<Context, 'db'>,
  userId: UserId,
  { next, limit }: ClientRequest<'conversation:list'>,
): Promise<ClientReply<'conversation:list'>> {
  const after = next === undefined ? null : fromText(next)
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
        (entries.get(row.conversationId) ?? []).map((entry) =>
          toEntryFor({ userId, floorSeq: row.floorSeq }, entry),
        ),
      ),
    ),
    ...(last ? { next: toText(last) } : {}),
  }
}

function toText({ pinned, lastAt, conversationId }: store.ListPosition): string {
  return encodePosition<typeof Position>([pinned, lastAt, conversationId])
}

function fromText(text: string): store.ListPosition {
  const [pinned, lastAt, conversationId] = decodePosition(Position, text)
  return { pinned, lastAt, conversationId }
}
