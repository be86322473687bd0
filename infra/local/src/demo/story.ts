import { randomUUID } from 'node:crypto'
import { createApi, logIn } from '@parley/testing/chat-api'
import { judgeLogs, judgePushes, judgeReading, judgeStrangers, seqOf } from './judges.ts'
import { connect, introduce, type Character } from './people.ts'
import { lookAt, takePhoto } from './photo.ts'
import { download, uploadPhoto } from './send-photo.ts'
import type { Stage } from './stage.ts'
import { transcribe } from './transcribe.ts'
import { until } from './until.ts'
import type { Verdicts } from './verdicts.ts'

const lines: [who: 'ada' | 'bo', text: string][] = [
  ['ada', 'Hello Bo! Are you on the other gateway?'],
  ['bo', 'Ja — grüße aus Köln 👋🏽'],
  ['ada', '你好，世界'],
  ['bo', 'שלום, ومرحبا'],
  ['ada', 'नमस्ते 👩‍👩‍👧‍👦'],
]
const burst = 200
const whileAway = 5

/** Two people talk while the ground moves: one goes offline, a gateway is killed, Redis forgets everything. */
export async function play(stage: Stage, verdicts: Verdicts, tell: (line: string) => void): Promise<void> {
  const api = createApi(stage.app)
  const ada = await introduce(api, 'Ada', stage.gateways[0])
  const bo = await introduce(api, 'Bo', stage.gateways[1])
  const acked = new Map<string, { seq: number }>()
  const say = async (
    from: Character,
    to: Character,
    type: string,
    content: object,
    id: string = randomUUID(),
  ) => {
    const sent = await from.client.send({ userId: to.userId }, type, content, id)
    acked.set(id, sent)
    return sent
  }

  tell('Ada and Bo talk, each on a gateway of their own')
  for (const [who, text] of lines)
    await say(who === 'ada' ? ada : bo, who === 'ada' ? bo : ada, 'text', { text })
  const { conversationId } = await say(ada, bo, 'location', {
    latitude: 50.9413,
    longitude: 6.9583,
    name: 'Kölner Dom',
  })
  await say(bo, ada, 'com.example.poll', {
    question: 'Lunch?',
    options: ['soup', 'kimchi'],
    votes: { soup: 1 },
  })

  tell('Ada sends a photograph')
  const photo = await takePhoto()
  const mediaId = await uploadPhoto(api, ada.token, photo)
  await say(ada, bo, 'image', { mediaId, caption: 'seeding' })
  const [full, small] = [
    await download(stage.app, `/v1/media/${mediaId}`, bo.token),
    await download(stage.app, `/v1/media/${mediaId}/thumbnail`, bo.token),
  ]
  const [big, thumb] = [await lookAt(full.bytes), await lookAt(small.bytes)]
  verdicts.check(
    'P8',
    'the photo arrives upright with a thumbnail and without its place',
    big.width > big.height &&
      Math.max(thumb.width, thumb.height) === 300 &&
      !big.tellsPlace &&
      !thumb.tellsPlace,
    `${photo.length} bytes sent, ${big.width}x${big.height} and ${thumb.width}x${thumb.height} fetched`,
  )

  tell('Ada sends the same message a hundred times, through both gateways')
  await using second = await connect(await logIn(api, ada.userId, 'tablet'), stage.gateways[1])
  const id = randomUUID()
  const draft = {
    clientMessageId: id,
    to: { userId: bo.userId },
    type: 'text',
    content: { text: 'only once' },
  }
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      (i % 2 ? second : ada.client).ask<{ seq: number }>('message:send', draft),
    ),
  )
  const more = await Promise.all(Array.from({ length: 60 }, () => api.post('/v1/messages', draft, ada.token)))
  const seqs = new Set([
    ...replies.map((reply) => (reply.ok ? reply.data.seq : reply.error.code)),
    ...more.map(({ body }) => Number(body['seq'])),
  ])
  verdicts.check(
    'P2',
    'a hundred equal sends are one message',
    seqs.size === 1,
    `number ${[...seqs].join(', ')} in ${replies.length + more.length} replies`,
  )
  const [only] = seqs
  acked.set(id, { seq: Number(only) })
  await until('Bo to have it all', () => bo.client.lastSeq(conversationId) >= Number(only))

  tell('Bo goes offline; Ada goes on')
  await bo.client[Symbol.asyncDispose]()
  // Until the gateway has seen him go, he counts as connected and is given time to acknowledge.
  const pushedFor: number[] = []
  for (let i = 1; i <= whileAway; i++)
    pushedFor.push((await say(ada, bo, 'text', { text: `while you were away, ${i}` })).seq)
  const pushesTo = async (who: Character) =>
    (await stage.pushes()).filter(({ token, status }) => token === who.pushToken && status === 200)
  await until('a push for each message', async () => {
    const told = new Set((await pushesTo(bo)).map(seqOf))
    return pushedFor.every((seq) => told.has(seq))
  })

  tell(`a gateway is killed in the middle of ${burst} messages, and Redis is wiped`)
  const sending = Array.from({ length: burst }, (_, i) => say(ada, bo, 'text', { text: `burst ${i + 1}` }))
  await until('the burst to be under way', () => acked.size > lines.length + 20)
  await stage.killGateway()
  await stage.wipeRedis()
  await Promise.all(sending)

  tell('Bo comes back')
  const returned = await connect(bo, stage.gateways[1], bo.client)
  const highest = Math.max(...[...acked.values()].map(({ seq }) => seq))
  bo.client = returned
  await until(
    'both logs to be whole',
    () => returned.lastSeq(conversationId) >= highest && ada.client.lastSeq(conversationId) >= highest,
  )
  judgeLogs(verdicts, { acked, conversationId, ada, bo: returned })

  await judgeReading(verdicts, { conversationId, ada, bo, highest })
  await judgePushes(verdicts, { toBo: await pushesTo(bo), toAda: await pushesTo(ada), pushedFor })
  await judgeStrangers(verdicts, { stage, conversationId, mediaId })
  tell(`what they said\n${transcribe(returned.entries(conversationId), [ada, bo])}`)
  await ada.client[Symbol.asyncDispose]()
  await returned[Symbol.asyncDispose]()
}
