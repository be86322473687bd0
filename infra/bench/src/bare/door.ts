import { createServer } from 'node:http'
import { Server } from 'socket.io'

/** What a storm is measured against: Socket.IO that lets everybody in and asks nobody anything. */
const [port = '0'] = process.argv.slice(2)
const server = createServer()
new Server(server)
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('up\n'))
