import { randomBytes } from 'node:crypto'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { ChatClient } from '@parley/testing/chat-client'

/** Somebody with a phone that push can reach. */
export interface Character extends Person {
  name: string
  pushToken: string
  client: ChatClient
}

/** Signs up, binds a push token and connects to the given gateway. */
export async function introduce(api: Api, name: string, gateway: string): Promise<Character> {
  const person = await signUp(api, name.toLowerCase(), { displayName: name })
  const pushToken = randomBytes(32).toString('hex')
  const bound = await api.put(
    '/v1/devices/current/push',
    { kind: 'apns', token: pushToken, environment: 'sandbox' },
    person.token,
  )
  if (bound.status !== 204) throw new Error(`push token was not taken: ${JSON.stringify(bound.body)}`)
  return { ...person, name, pushToken, client: await connect(person, gateway) }
}

/** Connects; a device that was connected before goes on with what it kept. */
export async function connect(
  { token }: Pick<Person, 'token'>,
  url: string,
  resume?: ChatClient,
): Promise<ChatClient> {
  return new ChatClient({ url, token: () => token, ...(resume ? { resume } : {}) }).connected()
}
