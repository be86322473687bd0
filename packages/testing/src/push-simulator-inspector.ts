import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ReceivedPush } from './push-simulator-log.ts'

interface PushSource {
  received(): ReceivedPush[]
}

interface InspectorOptions {
  sources: PushSource[]
  port?: number
  /** Address to listen on, loopback by default. */
  host?: string
}

export interface PushInspector extends AsyncDisposable {
  url: string
}

/** A page of the pushes all simulators received, newest first; JSON for whoever does not ask for HTML. */
export async function startPushInspector({
  sources,
  port = 0,
  host = '127.0.0.1',
}: InspectorOptions): Promise<PushInspector> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/') return void response.writeHead(404).end()
    const pushes = sources.flatMap((source) => source.received()).toSorted((a, b) => b.at.localeCompare(a.at))
    if (request.headers.accept?.includes('text/html')) {
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      })
      response.end(page(pushes))
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ pushes }))
    }
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function page(pushes: ReceivedPush[]): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>Pushes</title><style>
body{font:15px system-ui;margin:2rem;max-width:60rem}article{border:1px solid #ccc;border-radius:6px;padding:.6rem 1rem;margin:.6rem 0}
h2{font-size:1rem;margin:0}p{margin:.2rem 0;color:#555}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0 0;font-size:12px}
</style><h1>Pushes received</h1><p>${pushes.length} kept, newest first. Nothing has left this machine.</p>
${pushes.map(article).join('\n')}</html>`
}

function article({ payload, headers, ...push }: ReceivedPush): string {
  const result = [push.status, push.reason, push.answered ? undefined : 'answer lost']
    .filter(Boolean)
    .join(' ')
  return `<article><h2>${escape(`${push.provider} ${result}`)}</h2>
<p>${escape(push.at)} &middot; ${escape(push.token)}</p>
<details open><summary>payload</summary><pre>${escape(JSON.stringify(payload, null, 2) ?? '')}</pre></details>
<details><summary>headers</summary><pre>${escape(JSON.stringify(headers, null, 2))}</pre></details></article>`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
