import type { UserId } from '@parley/shared/ids'
import type { Standing, StandingAsk } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { listStandings } from './store.ts'

/** Who is in which group, for gateways that were told of a change: one statement for all that are asked. */
export async function findStandings({ db }: Pick<Context, 'db'>, asks: StandingAsk[]): Promise<Standing[]> {
  const found = new Map((await listStandings(db, asks)).map((row) => [row.conversationId, row]))
  return asks.map(({ conversationId, userIds }) => {
    const { lastSeq = 0, memberIds = [] } = found.get(conversationId) ?? {}
    const asked = new Set<string>(userIds)
    return { lastSeq, memberIds: memberIds.filter((id): id is UserId => asked.has(id)) }
  })
}
