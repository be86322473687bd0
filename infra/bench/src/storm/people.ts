import { type Api, createApi, type Person, signUp } from '@parley/testing/chat-api'

const groupSize = 50
const atOnce = 16

/** People who are each in so many groups of 50. The first of each group owns it. */
export interface People {
  everybody: Person[]
  groups: { conversationId: string; owner: Person }[]
}

export async function gatherPeople(messagesUrl: string, count: number, rooms: number): Promise<People> {
  const api = createApi(messagesUrl)
  const everybody = await inTurns(count, () => signUp(api, 'storm'))
  const places = groupPlaces(count, rooms)
  const groups = await inTurns(places.length, (i) =>
    createGroup(
      api,
      (places[i] ?? []).flatMap((place) => everybody[place] ?? []),
    ),
  )
  return { everybody, groups }
}

/** Who is in each group, by number, so that everybody is in so many. */
export function groupPlaces(count: number, rooms: number): number[][] {
  const each = Math.ceil(count / groupSize)
  return Array.from({ length: rooms * each }, (_, i) => {
    const round = Math.floor(i / each)
    const nth = i % each
    // In the first round neighbours, in later ones people from ever farther apart, so that groups overlap differently.
    const places = Array.from(
      { length: Math.min(groupSize, count) },
      (_unused, k) => (nth * groupSize + k * (round + 1)) % count,
    )
    return [...new Set(places)]
  })
}

async function createGroup(api: Api, [owner, ...others]: Person[]) {
  if (!owner) throw new Error('a group needs somebody')
  const userIds = others.map(({ userId }) => userId)
  const { status, body } = await api.post('/v1/conversations', { name: 'Storm', userIds }, owner.token)
  if (status >= 300) throw new Error(`no group: ${JSON.stringify(body)}`)
  return { conversationId: (body['summary'] as unknown as { conversationId: string }).conversationId, owner }
}

async function inTurns<T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> {
  const made: T[] = []
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let i = next++; i < count; i = next++) made[i] = await make(i)
    }),
  )
  return made
}
