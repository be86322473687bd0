import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import type { ConversationId, UserId } from '@parley/shared/ids'
import { openQueue } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { chatPush } from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import { type ApnsSimulator, startApnsSimulator } from '@parley/testing/apns-simulator'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'
import { importPKCS8, SignJWT } from 'jose'
import { cpuMsOf } from '../cpu.ts'
import { whileStopped } from '../while-stopped.ts'
import type { BareRequest } from './bare-client.ts'
import { gatherCrowd } from './crowd.ts'
import { startLonePush } from './lone-push.ts'
import { type PushReport, type Round, toMarkdown } from './report.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    recipients: { type: 'string', default: '10000' },
    only: { type: 'string' },
  },
})
const recipients = Number(values.recipients)
const parts = ['push', 'messages', 'postgres', 'redis'] as const
type Part = (typeof parts)[number]
const tell = (line: string) => void process.stderr.write(`${line}\n`)

// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using opened = new AsyncDisposableStack()
const { path: stateDir } = opened.use(await makeTemporaryDir('parley-bench-push'))
const apns = opened.use(await startApnsSimulator({ keep: 1 }))
const overrides = await environment(apns)
const stack = opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
const lone = opened.use(await startLonePush(overrides))
const log = createLogger('bench', { level: 'error' })
const redis = opened.adopt(openRedis({ url: stack.urls.redis }, log), (it) => it.disconnect())
const queue = opened.use(openQueue(chatPush, redis, log))
const crowd = opened.use(await gatherCrowd(stack, recipients))

/** The push service by itself: from its job to the provider's 200, with a stand-in for messages. */
async function loneTo200(): Promise<Round> {
  const before = apns.requests()
  const reportedBefore = lone.reported()
  const cpuBefore = cpuMsOf([lone.pid])
  const startedAt = performance.now()
  await lone.add(recipients)
  while (apns.requests() - before < recipients) await wait(2)
  const seconds = (performance.now() - startedAt) / 1_000
  while (lone.reported() - reportedBefore < recipients) await wait(10)
  const cpuMs = cpuMsOf([lone.pid]) - cpuBefore
  return { perSecond: recipients / seconds, cpuUs: { push: (cpuMs * 1_000) / recipients } }
}

/** Jobs as messages makes them, of a message nobody was told of; until the last of them is answered 200. */
async function jobsTo200(): Promise<Round> {
  const seq = await crowd.append()
  return measured(async () => {
    const jobs = Array.from({ length: Math.ceil(recipients / 500) }, (_, i) => ({
      id: `bench_${seq}_${i}`,
      data: {
        conversationId: crowd.conversationId as ConversationId,
        firstSeq: seq,
        lastSeq: seq,
        userIds: crowd.userIds.slice(i * 500, (i + 1) * 500) as UserId[],
      },
    }))
    await queue.add(jobs)
  })
}

/** From the answer to the sender, with the search for those who are away. */
const sendTo200 = () => measured(() => crowd.say())

/** Until the last push is answered; its CPU until the last one is reported as well. */
async function measured(begin: () => Promise<void>): Promise<Round> {
  const before = apns.requests()
  const cpuBefore = parts.map((name) => cpuMsOf([stack.pid(name) ?? 0]))
  const startedAt = performance.now()
  await begin()
  while (apns.requests() - before < recipients) await wait(2)
  const seconds = (performance.now() - startedAt) / 1_000
  while ((await crowd.untold()) > 0) await wait(50)
  const cpuUs = parts.map((name, i) => {
    const ms = cpuMsOf([stack.pid(name) ?? 0]) - (cpuBefore[i] ?? 0)
    return [name, (ms * 1_000) / recipients]
  })
  return { perSecond: recipients / seconds, cpuUs: Object.fromEntries(cpuUs) }
}

async function bare(): Promise<Round> {
  const request = JSON.stringify(await bareRequest(apns))
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'bare-client.ts'), request], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [printed] = await Promise.all([text(child.stdout), once(child, 'exit')])
  const { tookMs, cpuMs } = JSON.parse(printed) as { tookMs: number; cpuMs: number }
  return { perSecond: recipients / (tookMs / 1_000), cpuUs: { push: (cpuMs * 1_000) / recipients } }
}

const cases = Object.entries({
  'push alone, job to 200': loneTo200,
  'all of Parley, jobs to 200': jobsTo200,
  'all of Parley, answer to the sender to 200': sendTo200,
}).filter(([name]) => !values.only || name.includes(values.only))
// Once each for nothing: code compiled, connections open, members cached.
await bare()
for (const [, run] of cases) await run()
const rounds: PushReport['cases'] = Object.fromEntries(cases.map(([name]) => [name, []]))
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const [name, run] of cases) {
    const both = { bare: await whileStopped([...stack.pids(), lone.pid], bare), parley: await run() }
    rounds[name]?.push(both)
    tell(
      `${name}, round ${round}: bare ${both.bare.perSecond.toFixed(0)}/s, parley ${both.parley.perSecond.toFixed(0)}/s`,
    )
  }
}

const highest = (name: Part) =>
  Math.round(
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${stack.pid(name)}/status`, 'utf8'))?.[1]) / 1_024,
  )
const report: PushReport = {
  recipients,
  cases: rounds,
  highestRss: { push: highest('push'), messages: highest('messages') },
}
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : toMarkdown(report, parts))

async function environment({ url, ca, credentials }: ApnsSimulator): Promise<Record<string, string>> {
  const files = { APNS_CA: ca, APNS_PRIVATE_KEY: credentials.privateKey }
  const written = Object.entries(files).map(async ([name, content]) => {
    const file = path.join(stateDir, name)
    await writeFile(file, content, { mode: 0o600 })
    return [`${name}_FILE`, file] as const
  })
  return {
    ...Object.fromEntries(await Promise.all(written)),
    APNS_PRODUCTION_URL: url,
    APNS_TEAM_ID: credentials.teamId,
    APNS_KEY_ID: credentials.keyId,
    APNS_TOPIC: 'dev.parley.bench',
    PASSWORD_SCRYPT_COST: '10',
    LOG_LEVEL: 'warn',
  }
}

async function bareRequest({ credentials, url, ca }: ApnsSimulator): Promise<BareRequest> {
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: credentials.keyId })
    .setIssuer(credentials.teamId)
    .setIssuedAt()
    .sign(await importPKCS8(credentials.privateKey, 'ES256'))
  const messageId = `${crowd.conversationId}.1`
  const headers = {
    authorization: `bearer ${token}`,
    'apns-id': crypto.randomUUID(),
    'apns-topic': 'dev.parley.bench',
    'apns-push-type': 'alert',
    'apns-priority': '10',
    'apns-expiration': String(Math.floor(Date.now() / 1_000) + 86_400),
    'apns-collapse-id': messageId,
  }
  const body = {
    aps: {
      alert: { title: 'Crowd', body: 'speaker: The quick brown fox jumps over the lazy dog' },
      badge: 1,
      sound: 'default',
      'interruption-level': 'active',
      'thread-id': crowd.conversationId,
      'mutable-content': 1,
    },
    conversationId: crowd.conversationId,
    messageId,
    seq: 1,
  }
  const device = 'ab'.repeat(32)
  return {
    origin: url,
    ca,
    path: `/3/device/${device}`,
    headers,
    body: JSON.stringify(body),
    count: recipients,
  }
}
