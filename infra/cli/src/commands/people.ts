import type { Command } from '../command.ts'
import type { Nodes } from '../nodes.ts'
import { renderTable } from '../table.ts'

interface Connection {
  deviceId: string
  sessionId: string
  platform: string
  transport: string
  connectedAt: string
}

const account = (userId: string, rest: string) => `/admin/accounts/${encodeURIComponent(userId)}/${rest}`

async function onEachGateway<T>(nodes: Nodes, method: string, path: string, body?: object) {
  const gateways = await nodes.listOf('gateway')
  return Promise.all(
    gateways.map(async ({ url, status: { details } }) => ({
      gateway: String(details['gatewayId']),
      answer: await nodes.ask<T>(url, method, path, body),
    })),
  )
}

export const connections: Command = {
  args: ['USER'],
  says: 'the sockets of a user, on every gateway',
  async run(nodes, [userId = '']) {
    const path = `/admin/connections/${encodeURIComponent(userId)}`
    const answers = await onEachGateway<{ connections: Connection[] }>(nodes, 'GET', path)
    const data = answers.flatMap(({ gateway, answer }) =>
      answer.connections.map((it) => ({ gateway, ...it })),
    )
    const rows = data.map(({ gateway, deviceId, platform, transport, connectedAt, sessionId }) => [
      gateway,
      deviceId,
      platform,
      transport,
      connectedAt,
      sessionId,
    ])
    const head = ['gateway', 'device', 'platform', 'transport', 'connected', 'session']
    return { data, text: rows.length > 0 ? renderTable(head, rows) : `${userId} is not connected` }
  },
}

export const kick: Command = {
  args: ['USER'],
  says: 'end all sessions of a user; they may log in again',
  async run(nodes, [userId = '']) {
    await nodes.askOne('messages', 'DELETE', account(userId, 'sessions'))
    return { data: { userId }, text: `the sessions of ${userId} have ended` }
  },
}

export const suspend: Command = {
  args: ['USER', '[REASON]'],
  says: 'shut a user out until restored',
  async run(nodes, [userId = '', reason]) {
    await nodes.askOne('messages', 'PUT', account(userId, 'suspension'), reason ? { reason } : {})
    return { data: { userId }, text: `${userId} is suspended` }
  },
}

export const restore: Command = {
  args: ['USER'],
  says: 'let a suspended user in again',
  async run(nodes, [userId = '']) {
    await nodes.askOne('messages', 'DELETE', account(userId, 'suspension'))
    return { data: { userId }, text: `${userId} may log in again` }
  },
}

export const broadcast: Command = {
  args: ['TEXT'],
  says: 'tell everybody who is connected (`system:notice`); it is kept nowhere',
  async run(nodes, [text = '']) {
    const answers = await onEachGateway<{ told: number }>(nodes, 'POST', '/admin/notices', { text })
    const told = answers.reduce((sum, { answer }) => sum + answer.told, 0)
    return { data: { told }, text: `${told} sockets were told` }
  },
}

export const explain: Command = {
  args: ['MESSAGE', 'USER'],
  says: 'what became of a message for a user, from commit to screen',
  async run(nodes, [message = '', user = '']) {
    const query = new URLSearchParams({ message, user })
    const data = await nodes.askOne<unknown>('messages', 'GET', `/admin/explain?${query.toString()}`)
    return { data, text: JSON.stringify(data, null, 2) }
  },
}
