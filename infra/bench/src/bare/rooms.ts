import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { groupPlaces } from '../storm/people.ts'

/**
 * What idle connections are measured against: Socket.IO as it comes, each socket in a room of its own and in those of
 * its conversations. It lets everybody in and looks at nothing they bring.
 */
const [port = '0', socketCount = '0', roomCount = '0'] = process.argv.slice(2)
const rooms: string[][] = Array.from({ length: Number(socketCount) }, (_, i) => [`u:bench-${i}`])
for (const [n, places] of groupPlaces(Number(socketCount), Number(roomCount)).entries())
  for (const place of places) rooms[place]?.push(`c:g-${n}`)

const server = createServer()
const io = new Server(server)
let next = 0
io.on('connection', (socket) => void socket.join(rooms[next++] ?? []))
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('up\n'))
