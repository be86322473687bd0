import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'

export interface StreamEvent {
  event: string
  id: string | undefined
  data: Record<string, never>
}

/** Reads server-sent events as a browser does: fields by line, an event at each empty line, comments left out. */
export async function openEvents(url: string, headers: Record<string, string>) {
  const asked = request(url, { headers: { accept: 'text/event-stream', ...headers } }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.setEncoding('utf8')
  const events: StreamEvent[] = []
  let lastId: string | undefined
  let text = ''
  let isOver = false
  response.on('error', () => undefined).on('close', () => (isOver = true))
  response.on('data', (chunk: string) => {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) read(block)
  })

  function read(block: string): void {
    const fields = block.split('\n').map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')] as const
    })
    const field = (name: string) => fields.find(([key]) => key === name)?.[1]
    lastId = field('id') ?? lastId
    const data = field('data')
    if (data !== undefined)
      events.push({ event: field('event') ?? 'message', id: lastId, data: JSON.parse(data) })
  }

  return {
    status: response.statusCode,
    headers: response.headers,
    response,
    events,
    named: (name: string) => events.filter(({ event }) => event === name),
    lastId: () => lastId,
    isOver: () => isOver,
    [Symbol.dispose]: () => void asked.destroy(),
  }
}

export type EventReader = Awaited<ReturnType<typeof openEvents>>
