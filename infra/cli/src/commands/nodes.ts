import type { CheckResult } from '@parley/shared/admin'
import { AppError } from '@parley/shared/errors'
import type { Command } from '../command.ts'
import type { Node } from '../nodes.ts'
import { renderTable } from '../table.ts'

/** Above it access tokens are refused by some nodes and taken by others. */
const mostSkewMs = 10_000

const stateOf = ({ status, problem }: Node) => problem ?? status?.notReady ?? 'ready'

export const status: Command = {
  args: [],
  says: 'every node: whether it takes work, and how much it has',
  async run(nodes) {
    const all = await nodes.list()
    const rows = all.map((node) => [
      node.status?.service ?? '?',
      node.url,
      stateOf(node),
      Object.entries(node.status?.details ?? {})
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    ])
    return {
      data: all,
      text: renderTable(['service', 'node', 'state', 'details'], rows),
      failed: all.some((node) => stateOf(node) !== 'ready'),
    }
  },
}

export const doctor: Command = {
  args: [],
  says: 'what is wrong: nodes, clocks, stores, migrations, bucket, push credentials',
  async run(nodes) {
    const all = await nodes.list()
    const findings = (
      await Promise.all(
        all.map(async (node) => {
          const service = node.status?.service ?? '?'
          const skewed = Math.abs(node.skewMs ?? 0) > mostSkewMs
          const own = [
            { name: 'ready', ok: stateOf(node) === 'ready', detail: stateOf(node) },
            ...(node.status
              ? [{ name: 'clock', ok: !skewed, detail: `${node.skewMs} ms beside this one` }]
              : []),
          ]
          const asked = node.status
            ? (await nodes.ask<{ checks: CheckResult[] }>(node.url, 'GET', '/admin/checks')).checks
            : []
          return [...own, ...asked].map((found) => ({ service, node: node.url, ...found }))
        }),
      )
    ).flat()
    const missing = ['gateway', 'messages', 'media', 'push'].filter(
      (service) => !all.some((node) => node.status?.service === service),
    )
    for (const service of missing)
      findings.push({
        service,
        node: '-',
        name: 'there',
        ok: false,
        detail: 'no node of it is known or answers',
      })
    const rows = findings.map(({ service, node, name, ok, detail }) => [
      ok ? 'ok' : 'WRONG',
      service,
      node,
      name,
      detail,
    ])
    return {
      data: findings,
      text: renderTable(['', 'service', 'node', 'check', 'found'], rows),
      failed: findings.some(({ ok }) => !ok),
    }
  },
}

export const drain: Command = {
  args: ['GATEWAY'],
  says: 'send the sockets of a gateway elsewhere, by its id or address; restart it afterwards',
  async run(nodes, [which = '']) {
    const gateways = await nodes.listOf('gateway')
    const gateway = gateways.find(
      ({ url, status: { details } }) => which === url || which === details['gatewayId'],
    )
    if (!gateway)
      throw new AppError(
        'not_found',
        `gateways are ${gateways.map(({ status: { details } }) => details['gatewayId']).join(', ')}`,
      )
    const data = await nodes.ask<{ leaving: number }>(gateway.url, 'POST', '/admin/drain')
    return { data, text: `${data.leaving} sockets are told to go elsewhere` }
  },
}
