import { contentByType } from '@parley/shared/content'
import { catalogue } from '@parley/shared/errors'
import { clientEvents, closeCodes, serverEvents } from '@parley/shared/protocol'
import { renderSchema } from './render-schema.ts'

const closeNotes: Record<keyof typeof closeCodes, string> = {
  tokenExpired: 'token expired or session ended: refresh or log in, then come back',
  forbidden: 'not allowed, or the account is suspended: do not come back as you are',
  replaced:
    'another log-in, or a newer socket of this device, took the place: come back only if the user asks',
  flood: 'too many refused requests: find out why first',
  internal: 'a failure of ours: come back after a random wait',
  draining: 'this node is going away: come back after the time that `session:draining` gave',
  slowConsumer: 'too much was waiting to be read: come back and sync',
}

/** The page `docs/protocol.md`, made from the tables that the code itself uses. */
export function protocolPage(): string {
  return [
    '# The socket protocol',
    '<!-- Made by `pnpm protocol` from packages/shared; a test fails when it is out of date. -->',
    [
      'Connect with Socket.IO 4 (Engine.IO 4) to `/socket.io/`, namespace `/`, with',
      '`auth: { token, deviceId?, platform?, appState?, protocolVersion? }`. The token is an access token from',
      '`POST /v1/sessions`; old clients may send it as `auth_token` in the query. `heartbeat=background` in the query asks for',
      'the stretched heartbeat ([docs/presence.md](presence.md)). A refused handshake is a',
      '`connect_error` whose `data` is an error as below. Socket.IO does not try again by itself after one: if the error is',
      'retryable, call `connect()` after `retryAfterMs`; if it is `token_expired`, refresh the token first.',
    ].join('\n'),
    [
      'Every event asks for an acknowledgement and is answered once: `{ ok: true, data }` or',
      '`{ ok: false, error: { code, message, retryable, retryAfterMs? } }`. Without an answer in time, send the same',
      'again: nothing is done twice. Server events are hints; the log is the truth.',
    ].join('\n'),
    '## What a client asks',
    'Where a route is named, the same can be asked over HTTP: path, query and body together are the request.',
    ...Object.entries(clientEvents).flatMap(([event, { about, request, reply, ...rest }]) => [
      `### \`${event}\``,
      'http' in rest ? `${about} HTTP: \`${rest.http.route}\`.` : about,
      fenced(`request: ${renderSchema(request)}\nreply: ${renderSchema(reply)}`),
    ]),
    '## Content by message type',
    'A type of your own has a dot in its name, such as `com.example.poll`, and carries any JSON object up to 20 KB.',
    ...Object.entries(contentByType).map(([type, schema]) => fenced(`${type}: ${renderSchema(schema)}`)),
    '## What the server tells',
    ...Object.entries(serverEvents).flatMap(([event, schema]) => [
      `### \`${event}\``,
      schema.description ?? '',
      fenced(renderSchema(schema)),
    ]),
    '## Close codes',
    '44xx: do not come back as you are. 45xx: come back, after a random wait. 1009: a frame was larger than 100 KB.',
    table(
      ['code', 'meaning'],
      Object.entries(closeCodes).map(([name, code]) => [
        String(code),
        closeNotes[name as keyof typeof closeCodes],
      ]),
    ),
    '## Error codes',
    'The code is the contract, the message is for people. Over HTTP the body is `{ error: { … } }` with this status.',
    table(
      ['code', 'HTTP status', 'may the same request succeed later?'],
      Object.entries(catalogue).map(([code, { status, retryable }]) => [
        `\`${code}\``,
        String(status),
        retryable ? 'yes' : 'no',
      ]),
    ),
  ].join('\n\n')
}

const fenced = (text: string) => `\`\`\`ts\n${text}\n\`\`\``

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
