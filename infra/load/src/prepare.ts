import { writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { type Api, type ApiReply, createApi, type Person, signUp } from '@parley/testing/chat-api'

const atOnce = 8
/** All come from one address, to which a server that is not set up for it gives so many accounts a minute. */
const patienceMs = 10 * 60_000

/**
 * Signs up people and writes them down for Artillery, one a line: token, the one beside them, their conversation. Tokens
 * last for a quarter of an hour, so a run is not longer. Errors: those of the API, as sentences.
 */
export async function preparePeople(
  origin: string,
  file: string,
  { people, groupSize }: { people: number; groupSize: number },
): Promise<void> {
  const api = patiently(createApi(origin))
  const groups = Math.ceil(people / groupSize)
  const lines: string[][] = []
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let i = next++; i < groups; i = next++) lines[i] = await prepareGroup(api, groupSize)
    }),
  )
  // One of each group after the other: who arrives soon finds others of the group there.
  await writeFile(file, `${lines.flat().slice(0, people).join('\n')}\n`, { mode: 0o600 })
}

/** Asks again what was refused for now, when the refusal says. */
function patiently(api: Api): Api {
  const until = Date.now() + patienceMs
  const post = async (...ask: Parameters<Api['post']>): Promise<ApiReply> => {
    for (;;) {
      const reply = await api.post(...ask)
      const { retryAfterMs } = reply.body.error ?? {}
      if (reply.status !== 429 || retryAfterMs === undefined || Date.now() > until) return reply
      await wait(retryAfterMs)
    }
  }
  return { ...api, post }
}

async function prepareGroup(api: Api, size: number): Promise<string[]> {
  const members: Person[] = []
  for (let i = 0; i < size; i++) members.push(await signUp(api, 'load'))
  const [owner, ...others] = members
  const { status, body } = await api.post(
    '/v1/conversations',
    { name: 'Load', userIds: others.map(({ userId }) => userId) },
    owner?.token,
  )
  if (status >= 300) throw new Error(`no group: ${JSON.stringify(body)}`)
  const { conversationId } = body['summary'] as unknown as { conversationId: string }
  return members.map(({ token }, i) => {
    // The first writes to the second and the second to the first.
    const peer = members[i ^ 1] ?? members[i - 1]
    return [token, peer?.userId ?? '', conversationId].join(',')
  })
}
