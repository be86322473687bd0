import type { ClientEventName, ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Caller } from '@parley/shared/rpc'
import type { TraceSpan } from '@parley/shared/tracing'
import { editMessage } from '../changes/edit-message.ts'
import { react } from '../changes/react.ts'
import { recallMessage } from '../changes/recall-message.ts'
import type { Context } from '../context.ts'
import { arrange, clearLog } from '../conversations/arrange.ts'
import { hideMessages } from '../conversations/hide-messages.ts'
import { listConversations } from '../conversations/list-conversations.ts'
import { countUnread } from '../conversations/store.ts'
import { answerRequest, listRequests } from '../groups/answer-request.ts'
import { createGroup } from '../groups/create-group.ts'
import { invite } from '../groups/invite.ts'
import { join } from '../groups/join.ts'
import { kick, pardon } from '../groups/kick.ts'
import { dissolve, leave } from '../groups/leave.ts'
import { listMembers, readGroup } from '../groups/read-group.ts'
import { setProfile } from '../groups/set-profile.ts'
import { appoint, transfer } from '../groups/set-role.ts'
import { exempt, silence, silenceAll } from '../groups/silence.ts'
import { readLog } from '../log/read-log.ts'
import { sync } from '../log/sync.ts'
import { sendMessage } from '../messages/send-message.ts'
import { readPresence } from '../presence/read-presence.ts'
import { markMessages } from '../receipts/mark-messages.ts'
import { whoHasRead } from '../receipts/who-has-read.ts'
import { searchMessages } from '../search/search-messages.ts'

type Operation<E extends ClientEventName> = (
  ctx: Context,
  caller: Caller,
  request: ClientRequest<E>,
  span?: TraceSpan,
) => Promise<ClientReply<E>>

/**
 * What messages answers, by the name it has in the protocol table: whether it was asked over a socket or over HTTP,
 * who asks is known and the request is of its shape.
 */
export const operations: { [E in ClientEventName]?: Operation<E> } = {
  'message:send': (ctx, { userId, deviceId }, draft, span) =>
    sendMessage(ctx, { userId, deviceId, draft }, { span }),
  'message:edit': (ctx, { userId }, request) => editMessage(ctx, userId, request),
  'message:recall': (ctx, { userId }, request) => recallMessage(ctx, userId, request),
  'message:react': (ctx, { userId }, request) => react(ctx, userId, request),
  'message:hide': (ctx, { userId }, request) => hideMessages(ctx, userId, request),
  'message:mark': (ctx, { userId }, request) => markMessages(ctx, userId, request),
  'message:search': (ctx, { userId }, request) => searchMessages(ctx, userId, request),

  'receipt:deliver': (ctx, { userId }, mark) => ctx.marker.mark({ userId, kind: 'delivered', ...mark }),
  'receipt:read': (ctx, { userId }, mark) => ctx.marker.mark({ userId, kind: 'read', ...mark }),
  'receipt:list': (ctx, { userId }, request) => whoHasRead(ctx, userId, request),

  'log:read': (ctx, { userId }, query) => readLog(ctx, userId, query),
  'log:sync': (ctx, { userId }, query) => sync(ctx, userId, query),
  'log:clear': (ctx, { userId }, request) => clearLog(ctx, userId, request),

  'presence:read': (ctx, { userId }, request) => readPresence(ctx, userId, request),

  'conversation:list': (ctx, { userId }, query) => listConversations(ctx, userId, query),
  'conversation:set': (ctx, { userId }, request) => arrange(ctx, userId, request),
  'unread:count': async ({ db }, { userId }) => ({ total: await countUnread(db, userId) }),

  'group:create': (ctx, { userId }, draft) => createGroup(ctx, userId, draft),
  'group:read': (ctx, { userId }, request) => readGroup(ctx, userId, request),
  'group:update': (ctx, { userId }, request) => setProfile(ctx, userId, request),
  'group:members': (ctx, { userId }, query) => listMembers(ctx, userId, query),
  'group:invite': (ctx, { userId }, request) => invite(ctx, userId, request),
  'group:join': (ctx, { userId }, request) => join(ctx, userId, request),
  'group:requests': (ctx, { userId }, query) => listRequests(ctx, userId, query),
  'group:answer': (ctx, { userId }, request) => answerRequest(ctx, userId, request),
  'group:kick': (ctx, { userId }, request) => kick(ctx, userId, request),
  'group:pardon': (ctx, { userId }, request) => pardon(ctx, userId, request),
  'group:silence': (ctx, { userId }, request) => silence(ctx, userId, request),
  'group:silence-all': (ctx, { userId }, request) => silenceAll(ctx, userId, request),
  'group:exempt': (ctx, { userId }, request) => exempt(ctx, userId, request),
  'group:appoint': (ctx, { userId }, request) => appoint(ctx, userId, request),
  'group:transfer': (ctx, { userId }, request) => transfer(ctx, userId, request),
  'group:leave': (ctx, { userId }, request) => leave(ctx, userId, request),
  'group:dissolve': (ctx, { userId }, request) => dissolve(ctx, userId, request),
}

/** Carries out one of them; the request was parsed by the protocol table. */
export function answer(
  ctx: Context,
  caller: Caller,
  event: string,
  request: unknown,
  span?: TraceSpan,
): Promise<unknown> | undefined {
  // Each operation takes what its own schema gives, which a table indexed by name cannot say.
  const operation = Object.hasOwn(operations, event)
    ? (operations[event as ClientEventName] as (
        ctx: Context,
        caller: Caller,
        request: unknown,
        span?: TraceSpan,
      ) => Promise<unknown>)
    : undefined
  return operation?.(ctx, caller, request, span)
}
