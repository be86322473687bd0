import { createServer } from 'node:http'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { createMetrics } from '@parley/shared/metrics'
import { roomChannel } from '@parley/shared/realtime'
import { Server } from 'socket.io'
// The gateway's own code in a process without sessions, database and Redis, so that nothing but fan-out is measured.
import { deferFlushes } from '../../../../services/gateway/src/fanout/defer-flushes.ts'
import { createFanoutMetrics } from '../../../../services/gateway/src/fanout/fanout-metrics.ts'
import { hearDoorbells } from '../../../../services/gateway/src/fanout/hear-doorbells.ts'
import { sampleText } from '../send/contender.ts'
import type { FanOutRequest, FanOutResult } from './fan-out-server.ts'

const [how = 'stock', port = '0'] = process.argv.slice(2)
const room = 'c:bench'
/** As long as the work took, times this, is rested, so that the node is not at its limit: there the gateway lets packets gather for longer. */
const rest = 0.4

const server = createServer()
const io = new Server(server)
io.on('connection', (socket) => void socket.join(room))
const emit = how === 'stock' ? emitStock : createDoorbell()
let sent = 0

process.on('message', (request: FanOutRequest) => {
  void run(request).then((result) => process.send?.(result))
})
process.on('disconnect', () => process.exit())
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('up\n'))

async function run({ framesPerTick, forMs }: FanOutRequest): Promise<FanOutResult> {
  const [cpu, startedAt] = [process.cpuUsage(), performance.now()]
  let ticks = 0
  for (; performance.now() - startedAt < forMs; ticks++) {
    const beganAt = performance.now()
    for (let i = 0; i < framesPerTick; i++) emit()
    // The first turn writes what was put off, the second comes after it.
    await nextTurn()
    await nextTurn()
    await wait(Math.max(1, (performance.now() - beganAt) * rest))
  }
  const { user, system } = process.cpuUsage(cpu)
  return { frames: ticks * framesPerTick * io.engine.clientsCount, cpuMs: (user + system) / 1_000 }
}

function emitStock(): void {
  io.to(room).emit('entry:new', entry())
}

/** As a doorbell of messages comes from Redis, encoding included, since the stock server encodes too. */
function createDoorbell(): () => void {
  deferFlushes(io.engine)
  const nsp = io.of('/')
  const adapter = Object.assign(nsp.adapter, { onRawMessage(_message: Buffer, _channel: Buffer) {} })
  hearDoorbells(adapter, nsp, {
    metrics: createFanoutMetrics(createMetrics('bench')),
    tracing: undefined,
    onNotice: () => {},
    tell: () => {},
    sheds: () => false,
  })
  const channel = Buffer.from(roomChannel(room))
  return () => adapter.onRawMessage(Buffer.from(`42${JSON.stringify(['entry:new', entry()])}`), channel)
}

/** Some 500 bytes, like a line of chat with what an app shows in its list. */
function entry(): object {
  const sentAt = new Date().toISOString()
  const seq = ++sent
  return {
    entry: {
      sentAt,
      conversationId: 'g-0123456789abcdef',
      seq,
      kind: 'message',
      messageId: `g-0123456789abcdef.${seq}`,
      clientMessageId: '0123456789abcdef',
      senderId: 'bench-01234567',
      type: 'text',
      content: { text: sampleText },
    },
    summary: {
      conversationId: 'g-0123456789abcdef',
      kind: 'group',
      lastSeq: seq,
      lastCount: seq,
      lastAt: sentAt,
    },
  }
}
