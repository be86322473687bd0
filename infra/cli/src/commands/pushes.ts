import type { Command } from '../command.ts'
import { renderTable } from '../table.ts'

/** As services/push answers. */
interface Tested {
  bindings: {
    deviceId: string
    binding: { kind: string; environment: string }
    decision: string
    result?: string
    reason?: string
    tookMs?: number
  }[]
}

interface Letter {
  id: string
  at: string
  conversationId: string
  seq: number
  userId: string
  deviceId: string
  kind: string
  reason: string
}

export const push: Command = {
  args: ['USER', '[DEVICE]'],
  says: 'send a test alert to a user, or to one device, and say what became of it',
  async run(nodes, [userId = '', deviceId]) {
    const body = { userId, ...(deviceId === undefined ? {} : { deviceId }) }
    const data = await nodes.askOne<Tested>('push', 'POST', '/admin/push/test', body)
    const rows = data.bindings.map((it) => [
      it.deviceId,
      `${it.binding.kind} ${it.binding.environment}`,
      it.decision,
      it.result ?? '',
      it.reason ?? '',
      it.tookMs ?? '',
    ])
    const head = ['device', 'token', 'decision', 'result', 'reason', 'ms']
    return { data, text: rows.length > 0 ? renderTable(head, rows) : `${userId} has no device to push to` }
  },
}

export const letters: Command = {
  args: ['[BEFORE]'],
  says: 'pushes that were given up, the newest first',
  async run(nodes, [before]) {
    const query = before === undefined ? '' : `?before=${encodeURIComponent(before)}`
    const data = await nodes.askOne<{ letters: Letter[] }>('push', 'GET', `/admin/push/dead-letters${query}`)
    const rows = data.letters.map((it) => [
      it.id,
      it.at,
      `${it.conversationId}.${it.seq}`,
      it.userId,
      `${it.deviceId} ${it.kind}`,
      it.reason,
    ])
    const head = ['letter', 'given up', 'message', 'user', 'device', 'reason']
    return { data, text: rows.length > 0 ? renderTable(head, rows) : 'no push was given up' }
  },
}

export const replay: Command = {
  args: ['LETTER'],
  says: 'send a push that was given up once more, without sound, if it is still due',
  async run(nodes, [id = '']) {
    const path = '/admin/push/dead-letters/replay'
    const data = await nodes.askOne<{ replayed: { id: string; result: string; reason?: string }[] }>(
      'push',
      'POST',
      path,
      { ids: [id] },
    )
    const [one] = data.replayed
    return { data, text: one ? [one.result, one.reason ?? ''].join(' ').trim() : `there is no letter ${id}` }
  },
}
