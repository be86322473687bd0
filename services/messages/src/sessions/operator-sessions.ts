import { AppError } from '@parley/shared/errors'
import type { Caller } from '@parley/shared/rpc'
import { insertAccount } from '../accounts/store.ts'
import type { Context } from '../context.ts'
import { accountSuspended, unknownAccount } from '../errors.ts'
import { announceReplaced, displace } from './displace.ts'
import { findEnded, refusalOf } from './standing.ts'
import * as store from './store.ts'

type OpenContext = Pick<Context, 'config' | 'db' | 'announcer' | 'log'>
type OperatorCaller = Caller & { operatorToken: NonNullable<Caller['operatorToken']> }

/**
 * Sees to the sessions of tokens that the operator's back end issued, which are opened when they are first seen.
 * One that ended comes back with a token that was issued later, so a token from before stays worthless. The result
 * names those who may not come in.
 */
export async function openOperatorSessions(
  ctx: OpenContext,
  callers: Caller[],
): Promise<Map<Caller, AppError>> {
  const operators = callers.filter((caller): caller is OperatorCaller => caller.operatorToken !== undefined)
  if (operators.length === 0) return new Map()
  const standings = await store.listStandings(
    ctx.db,
    operators.map(({ sessionId }) => sessionId),
  )
  const known = new Map(standings.map((row) => [row.sessionId, row]))
  const refused = new Map<Caller, AppError>()
  for (const caller of operators) {
    const standing = known.get(caller.sessionId)
    const { issuedAt, expiresAt } = caller.operatorToken
    const isOpen = standing && !standing.endedAt && standing.expiresAt.getTime() >= expiresAt
    if (isOpen && issuedAt > (standing.tokensFrom?.getTime() ?? 0)) continue
    await openOne(ctx, caller).catch((cause: unknown) => refused.set(caller, AppError.from(cause)))
  }
  return refused
}

async function openOne(ctx: OpenContext, caller: OperatorCaller): Promise<void> {
  const { userId, deviceId, platform, address = null, operatorToken } = caller
  const session = {
    sessionId: caller.sessionId,
    userId,
    deviceId,
    platform,
    address,
    refreshHash: null,
    expiresAt: new Date(operatorToken.expiresAt),
  }
  const replaced = await ctx.db.transaction().execute(async (trx) => {
    if (ctx.config.sessions.operatorAccounts === 'create') {
      const displayName = operatorToken.displayName ?? null
      await insertAccount(trx, { userId, passwordHash: null, displayName })
    }
    const account = await store.lockAccount(trx, userId)
    if (!account) throw unknownAccount()
    if (account.suspendedAt) throw accountSuspended()
    const before = await store.lockSession(trx, session.sessionId)
    const tokensFrom = before?.endedAt ?? before?.tokensFrom ?? null
    if (tokensFrom && operatorToken.issuedAt <= tokensFrom.getTime()) throw await refusalFor(trx, caller)
    await store.upsertDevice(trx, session)
    await store.upsertOperatorSession(trx, session, tokensFrom)
    return displace(trx, ctx.config.sessions.policy, session)
  })
  await announceReplaced(ctx, replaced, session)
}

/** A token from before the end of its session. */
async function refusalFor(db: Context['db'], { sessionId }: Caller): Promise<AppError> {
  const [ended] = await findEnded({ db }, [sessionId])
  return refusalOf(ended?.reason ?? 'revoked')
}
