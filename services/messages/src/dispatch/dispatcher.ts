import { AppError } from '@parley/shared/errors'
import type { Logger } from '@parley/shared/log'
import type { ConversationSummary, Entry } from '@parley/shared/protocol'
import type { Announcer } from '@parley/shared/realtime'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { Absentees } from '../deliveries/absentees.ts'
import { messageKind, toEntry, toSummary } from '../log/entry.ts'
import type { SettledBatch } from '../messages/commit-until-settled.ts'
import { doorbellsOf } from './doorbell.ts'
import { createForgetter } from './forget.ts'
import { startSweep } from './sweep.ts'

interface DispatcherOptions {
  log: Logger
  db: Kysely<Database>
  announcer: Announcer
  absentees: Absentees
}

/**
 * Carries out what follows a commit: rings the doorbells, notes who may be away, then forgets the dispatch row
 * that the commit left. Whatever stops this half-way leaves the row, and a sweep does it again: a doorbell that
 * rings twice is harmless.
 */
export function createDispatcher({ log, db, announcer, absentees }: DispatcherOptions) {
  const forgetting = createForgetter({ log, db })

  async function ringAndForget(
    rings: { room: string; text: string }[],
    dispatchIds: number[],
  ): Promise<void> {
    await announcer.ring(rings)
    forgetting.forget(dispatchIds)
  }

  const unsent = (err: unknown) => log.warn({ err }, 'dispatch is left to the sweep')
  const sweep = startSweep({ log, db, absentees, ringAndForget })

  return {
    /** Announces what a lane has committed. Never throws: the commit is done, and its senders have their answer. */
    announce({ sends, outcomes, dispatches }: SettledBatch): void {
      const rings: { room: string; text: string }[] = []
      for (const [i, send] of sends.entries()) {
        const outcome = outcomes[i]
        if (outcome === undefined || outcome instanceof AppError || outcome.kind !== 'committed') continue
        const entry = toEntry({
          ...send,
          seq: outcome.seq,
          kind: messageKind,
          sentAt: outcome.sentAt,
          editedAt: null,
          recalledAt: null,
        })
        rings.push(
          ...doorbellsOf(
            entry,
            toSummary({ ...outcome.conversation, conversationId: send.conversationId }, outcome.seq),
          ),
        )
        absentees.note({
          conversationId: send.conversationId,
          firstSeq: outcome.seq,
          lastSeq: outcome.seq,
          membersVersion: outcome.conversation.membersVersion,
        })
      }
      ringAndForget(rings, dispatches).catch(unsent)
    },

    /**
     * Announces an entry that was committed outside the lanes, such as a change of members. It rings at `joined`
     * too, because their gateways are only now subscribing to the conversation's room.
     */
    announceEntry(
      entry: Entry,
      { summary, dispatchId, joined }: { summary: ConversationSummary; dispatchId: number; joined: string[] },
    ): void {
      absentees.note({
        conversationId: entry.conversationId,
        firstSeq: entry.seq,
        lastSeq: entry.seq,
        membersVersion: undefined,
      })
      ringAndForget(doorbellsOf(entry, summary, joined), [dispatchId]).catch(unsent)
    },

    async [Symbol.asyncDispose]() {
      await sweep[Symbol.asyncDispose]()
      await forgetting[Symbol.asyncDispose]()
    },
  }
}

export type Dispatcher = ReturnType<typeof createDispatcher>
