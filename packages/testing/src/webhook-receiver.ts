import { createHmac } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { createCertificate } from './certificates.ts'

export interface ReceivedEvent {
  id: string
  type: string
  timestamp: string
  data: Record<string, never>
  /** Whether one of its signatures is right for the receiver's secret. */
  signed: boolean
}

export type WebhookAnswer = (response: ServerResponse, request: IncomingMessage, event: ReceivedEvent) => void

/** Stands where an operator's receiver stands: HTTPS, and the answers a test gives it. */
export async function startWebhookReceiver({ secret }: { secret: string }) {
  const { key, cert, ca } = await createCertificate()
  const received: ReceivedEvent[] = []
  const receiver = {
    ca,
    /** Every request in the order it came, whatever it was answered. */
    received,
    /** Those that were answered as taken. */
    taken: [] as ReceivedEvent[],
    answer: (response: ServerResponse) => void response.writeHead(204).end() as void,
  } as {
    ca: string
    received: ReceivedEvent[]
    taken: ReceivedEvent[]
    answer: WebhookAnswer
  }
  const server = createServer({ key, cert }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const event = {
        ...(JSON.parse(body) as Omit<ReceivedEvent, 'id' | 'signed'>),
        ...judge(request, body, secret),
      }
      received.push(event)
      response.on('finish', () => {
        if (response.statusCode < 300) receiver.taken.push(event)
      })
      receiver.answer(response, request, event)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return Object.assign(receiver, {
    url: `https://localhost:${port}/hook`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

/** As the libraries of Standard Webhooks judge: by the raw body, any of the signatures. */
function judge(request: IncomingMessage, body: string, secret: string): { id: string; signed: boolean } {
  const id = String(request.headers['webhook-id'])
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signing = `${id}.${String(request.headers['webhook-timestamp'])}.${body}`
  const expected = `v1,${createHmac('sha256', key).update(signing).digest('base64')}`
  return { id, signed: String(request.headers['webhook-signature']).split(' ').includes(expected) }
}

export type WebhookReceiver = Awaited<ReturnType<typeof startWebhookReceiver>>
