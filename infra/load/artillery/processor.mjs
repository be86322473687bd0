import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** As the protocol advises: at most once a second and conversation. */
const acknowledgeEveryMs = 1_000
const readyWithinMs = 60_000

const socketOf = (context) => context.sockets['']

/** Hears what a person would: how long it took from the sender's hand, and acknowledges it. */
export async function listen(context, events) {
  const socket = socketOf(context)
  const unacknowledged = new Map()
  let timer
  const acknowledge = () => {
    timer = undefined
    for (const [conversationId, seq] of unacknowledged)
      if (socket.connected) socket.emit('receipt:deliver', { conversationId, seq }, () => undefined)
    unacknowledged.clear()
  }
  socket.on('entry:new', ({ entry }) => {
    events.emit('counter', 'parley.entries_heard', 1)
    const sentAt = entry.ext?.loadSentAt
    if (typeof sentAt === 'number')
      events.emit('histogram', 'parley.delivery_ms', Math.max(0, Date.now() - sentAt))
    unacknowledged.set(entry.conversationId, entry.seq)
    timer ??= setTimeout(acknowledge, acknowledgeEveryMs)
  })
  socket.on('typing:changed', () => events.emit('counter', 'parley.typing_heard', 1))
  socket.on('disconnect', (reason) => {
    clearTimeout(timer)
    if (reason !== 'io client disconnect') events.emit('counter', 'parley.sockets_lost', 1)
  })
  events.emit('counter', 'parley.connected', 1)
}

/** What the next message is known by, and when it left. */
export async function nextMessage(context) {
  context.vars.clientMessageId = randomUUID()
  context.vars.sentAt = Date.now()
}

/** Uploads a photo as an app does, ticket, bytes and completion, and waits until it may be sent. */
export async function uploadPhoto(context, events) {
  const { token, photoPath, origin } = context.vars
  const bytes = await readFile(photoPath)
  const ask = async (method, path, body) => {
    const response = await fetch(new URL(path, origin), {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(20_000),
    })
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}`)
    return response.json()
  }
  const startedAt = performance.now()
  const { mediaId, upload } = await ask('POST', '/v1/media/uploads', {
    fileName: 'load.jpg',
    contentType: 'image/jpeg',
    sizeBytes: bytes.length,
  })
  const put = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: bytes })
  if (!put.ok) throw new Error(`the bytes were answered ${put.status}`)
  await ask('POST', `/v1/media/uploads/${mediaId}/complete`, {})
  events.emit('histogram', 'parley.upload_ms', performance.now() - startedAt)
  const completedAt = performance.now()
  for (;;) {
    const { status, failure } = await ask('GET', `/v1/media/${mediaId}?format=json`)
    if (status === 'ready') break
    if (status === 'failed') throw new Error(`the photo failed: ${failure}`)
    if (performance.now() - completedAt > readyWithinMs) throw new Error('the photo is not ready in time')
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  events.emit('histogram', 'parley.media_ready_ms', performance.now() - completedAt)
  context.vars.mediaId = mediaId
}
