import { setTimeout as wait } from 'node:timers/promises'
import { openRawClient, type RawClient, Refused } from '../raw-client.ts'
import type { CrowdReport, CrowdRequest } from './crowd.ts'

/** At most so many first connections at once: the storm comes later. */
const gatherAtOnce = 50
/** A port nobody listens on, or a connection that is reset, is tried again after this. */
const knockAgainMs = 50

interface Member {
  authJson: string
  /** Whether it syncs when it is let in. */
  syncs: boolean
  cursor: string | undefined
  /** Numbers it has seen, by conversation. */
  seen: Map<string, Set<number>>
  client: RawClient | undefined
  draining: { at: number; reconnectAfterMs: number; returnTicket: string } | undefined
  toldAt: number | undefined
  returnUrl: string | undefined
  lostAt: number | undefined
  backAt: number | undefined
  syncedAt: number | undefined
  refusals: number
  onSynced: (() => void) | undefined
}

const now = () => performance.timeOrigin + performance.now()
const members: Member[] = []

process.on('message', ({ id, ...request }: CrowdRequest & { id: number }) => {
  void perform(request).then((reply) => process.send?.({ id, reply }))
})
process.on('disconnect', () => process.exit())

async function perform(request: CrowdRequest): Promise<unknown> {
  switch (request.kind) {
    case 'gather': {
      const newcomers = request.authJsons.map((authJson) => createMember(authJson, request.syncs))
      members.push(...newcomers)
      for (let i = 0; i < newcomers.length; i += gatherAtOnce)
        await Promise.all(newcomers.slice(i, i + gatherAtOnce).map((member) => enter(member, request.url)))
      return undefined
    }
    case 'return-to':
      for (const member of members) {
        Object.assign(member, {
          lostAt: undefined,
          toldAt: undefined,
          backAt: undefined,
          syncedAt: undefined,
          refusals: 0,
        })
        member.returnUrl = request.url
      }
      return undefined
    case 'until-synced':
      await untilSynced()
      return report()
    case 'lacking':
      return lacking(request.lastSeqs)
  }
}

async function untilSynced(): Promise<void> {
  while (!members.every(({ lostAt, client, syncedAt }) => lostAt && client && syncedAt)) await wait(100)
}

function createMember(authJson: string, syncs: boolean): Member {
  return {
    authJson,
    syncs,
    cursor: undefined,
    seen: new Map(),
    client: undefined,
    draining: undefined,
    toldAt: undefined,
    returnUrl: undefined,
    lostAt: undefined,
    backAt: undefined,
    syncedAt: undefined,
    refusals: 0,
    onSynced: undefined,
  }
}

/** Resolves when it is in and has everything; comes back by itself whenever it is lost. */
async function enter(member: Member, url: string): Promise<void> {
  const ticket = member.draining?.returnTicket
  const authJson = ticket ? `${member.authJson.slice(0, -1)},"returnTicket":"${ticket}"}` : member.authJson
  member.client = await openRawClient({
    url,
    authJson,
    onAck: (_id, text) => takePage(member, text),
    onEvent: (text) => hear(member, text),
    onClosed: () => {
      if (member.client) void comeBack(member)
      member.client = undefined
    },
  })
  member.draining = undefined
  member.backAt = now()
  if (!member.syncs) member.syncedAt = member.backAt
  else {
    const synced = new Promise<void>((resolve) => (member.onSynced = resolve))
    askForPage(member)
    await synced
  }
}

async function comeBack(member: Member): Promise<void> {
  member.lostAt = now()
  const { draining } = member
  if (draining) await wait(Math.max(0, draining.at + draining.reconnectAfterMs - now()))
  while (member.returnUrl) {
    try {
      return await enter(member, member.returnUrl)
    } catch (cause) {
      if (cause instanceof Refused) member.refusals++
      await wait(cause instanceof Refused ? (cause.retryAfterMs ?? knockAgainMs) : knockAgainMs)
    }
  }
}

function askForPage(member: Member): void {
  const known = [...member.seen].map(([conversationId, seqs]) => ({
    conversationId,
    seq: Math.max(0, ...seqs),
  }))
  const { cursor } = member
  member.client?.emit(1, 'log:sync', JSON.stringify({ ...(cursor ? { cursor } : {}), known }))
}

interface Page {
  ok: boolean
  data: {
    conversations: { conversationId: string; entries: { seq: number }[] }[]
    cursor: string
    complete: boolean
  }
  error?: { code: string; retryAfterMs?: number }
}

function takePage(member: Member, text: string): void {
  const [page] = JSON.parse(text.slice(text.indexOf('['))) as [Page]
  if (!page.ok) {
    void wait(page.error?.retryAfterMs ?? 200).then(() => askForPage(member))
    return
  }
  for (const { conversationId, entries } of page.data.conversations)
    for (const { seq } of entries) see(member, conversationId, seq)
  member.cursor = page.data.cursor
  if (!page.data.complete) return askForPage(member)
  member.syncedAt = now()
  member.onSynced?.()
}

function hear(member: Member, text: string): void {
  if (text.startsWith('42["session:draining",')) {
    const [, payload] = JSON.parse(text.slice(2)) as [string, Omit<NonNullable<Member['draining']>, 'at'>]
    member.toldAt = now()
    member.draining = { ...payload, at: member.toldAt }
  }
  if (!text.startsWith('42["entry:new",')) return
  const found = /"conversationId":"([^"]+)","seq":(\d+)/.exec(text)
  if (found) see(member, found[1] ?? '', Number(found[2]))
}

function see(member: Member, conversationId: string, seq: number): void {
  const seqs = member.seen.get(conversationId)
  if (seqs) seqs.add(seq)
  else member.seen.set(conversationId, new Set([seq]))
}

function report(): CrowdReport {
  return {
    members: members.map(({ lostAt, toldAt, backAt, syncedAt, refusals, client }) => ({
      lostAt,
      toldAt,
      // A connection of before the storm is no return.
      backAt: client && lostAt !== undefined ? backAt : undefined,
      syncedAt: client && lostAt !== undefined ? syncedAt : undefined,
      refusals,
    })),
  }
}

/** How many entries there are that a member of their conversation has not seen. */
function lacking(lastSeqs: Record<string, number>): number {
  let count = 0
  for (const { seen } of members) {
    for (const [conversationId, seqs] of seen)
      for (let seq = 1; seq <= (lastSeqs[conversationId] ?? 0); seq++) if (!seqs.has(seq)) count++
  }
  return count
}
