import { setTimeout as wait } from 'node:timers/promises'
import { findFreePort } from '@parley/testing/free-port'
import { startBare } from '../bare/start-bare.ts'
import { startBenchStack } from '../bench-stack.ts'
import type { Section } from '../section.ts'
import { slope } from '../statistics.ts'
import { type Crowd, startCrowd } from '../storm/crowd.ts'
import { gatherPeople } from '../storm/people.ts'
import { collectGarbage } from './collect-garbage.ts'
import { residentBytes } from './resident-memory.ts'

const name = 'idle connections'
const conversations = 10
const steps = 5
/** With fewer connections what a heap keeps for later is no small part of what they take. */
const enough = 2_500
/** What is only for the way in is given back, and timers have run. */
const settleMs = 8_000

/** A server whose memory is looked at, and who connects to it. */
interface Side {
  url: string
  pid: number
  inspectorPort: number
  authJsons: string[]
  syncs: boolean
  crowd: Crowd
}

/**
 * Resident memory that a connection adds to its server, each in 10 conversations of 50: the slope over the number of
 * connections after a collection of garbage, so the first megabytes of Node are nobody's. Once, since memory does not scatter as time does.
 */
export const idleSection: Section = {
  cases: [name],
  async measure({ idleSockets, tell }) {
    const inspectorPort = await findFreePort()
    await using stack = await startBenchStack({ NODE_OPTIONS: `--inspect-port=127.0.0.1:${inspectorPort}` })
    tell(`${idleSockets} people in ${conversations} conversations each are being made`)
    const { everybody } = await gatherPeople(stack.urls.messages, idleSockets, conversations)
    using ourCrowd = startCrowd()
    using theirCrowd = startCrowd()
    const theirPort = await findFreePort()
    using stock = await startBare('rooms', {
      args: [idleSockets, conversations],
      inspectorPort: theirPort,
    })
    const product: Side = {
      url: stack.urls.gateways[0],
      pid: stack.pid('gateway-1') ?? 0,
      inspectorPort,
      authJsons: everybody.map(({ token }) => JSON.stringify({ token, platform: 'ios', protocolVersion: 1 })),
      syncs: true,
      crowd: ourCrowd,
    }
    const bare: Side = {
      url: stock.url,
      pid: stock.pid,
      inspectorPort: theirPort,
      // The same clients knock at both. Stock Socket.IO keeps their handshake and looks at nothing of it.
      authJsons: product.authJsons,
      syncs: false,
      crowd: theirCrowd,
    }
    const rows: { sockets: number; productBytes: number; bareBytes: number }[] = []
    for (let step = 1; step <= steps; step++) {
      const [from, to] = [step - 1, step].map((it) => Math.round((idleSockets * it) / steps))
      for (const { crowd, url, authJsons, syncs } of [product, bare])
        await crowd.gather(url, authJsons.slice(from, to), { syncs })
      await wait(settleMs)
      const [productBytes, bareBytes] = [await restedBytes(product), await restedBytes(bare)]
      tell(`${name}: ${to} of each`)
      // The first are let in by code that is not compiled yet, which leaves more behind than they need.
      if (step === 1) continue
      rows.push({ sockets: to ?? 0, productBytes, bareBytes })
    }
    const each = (of: 'productBytes' | 'bareBytes') =>
      slope(rows.map((row) => ({ x: row.sockets, y: row[of] })))
    return [
      {
        name,
        readings: [
          {
            bar: 'idleMemory',
            rounds: [{ product: each('productBytes') / 1_024, bare: each('bareBytes') / 1_024 }],
          },
        ],
        tables: [
          {
            title: 'Idle connections, resident memory of the server after a collection, MB',
            head: ['connections', 'stock', 'Parley'],
            rows: rows.map(({ sockets, productBytes, bareBytes }) =>
              [String(sockets)].concat([bareBytes, productBytes].map((it) => (it / 1024 ** 2).toFixed(1))),
            ),
          },
        ],
        notes: [
          'figures of the bar are kB for each connection',
          ...(idleSockets < enough ? [`${idleSockets} connections are few: figures scatter by a third`] : []),
        ],
        voids: [],
        rounds: rows,
      },
    ]
  },
}

async function restedBytes({ pid, inspectorPort }: Side): Promise<number> {
  await collectGarbage(pid, inspectorPort)
  return residentBytes(pid)
}
