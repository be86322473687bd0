import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'

/**
 * What the product is measured against: Socket.IO with its Redis adapter, as its documentation sets it up. It
 * relays to a room and acknowledges, and stores, numbers and checks nothing.
 */
const [port = '0', redisUrl = ''] = process.argv.slice(2)
const publisher = new Redis(redisUrl)
const server = createServer()
const io = new Server(server, { adapter: createAdapter(publisher, publisher.duplicate()) })

io.on('connection', (socket) => {
  void socket.join(String(socket.handshake.auth['room']))
  socket.on('message', (message: { room: string }, ack: (reply: object) => void) => {
    io.to(message.room).emit('message', message)
    ack({ ok: true })
  })
})

server.listen(Number(port), '127.0.0.1', () => process.stdout.write('up\n'))
