import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findFreePorts } from '@parley/local/ports'
import { type Stack, startStack } from '@parley/local/stack'
import { createApi, signUp } from '@parley/testing/chat-api'
import { ChatClient } from '@parley/testing/chat-client'
import { needDebian } from '@parley/testing/debian-packages'
import { findFreePort } from '@parley/testing/free-port'
import { startProcess, waitUntilReady } from '@parley/testing/owned-process'
import { test as base, expect, vi } from 'vitest'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { root } from '../src/artifacts.ts'
import { dashboards } from '../src/dashboards.ts'
import { slos } from '../src/slos.ts'

/** What a panel shows only while something is wrong, is used that is off here, or has been going on for long. */
const quiet = new Set([
  'Refused events by code',
  'Refused handshakes by code',
  'Closed by us, by code',
  'Readers cut off',
  'Left out under load',
  'Found by the sweep',
  'Server API by status',
  'Webhooks by outcome',
  'Webhook events',
  'Not accepted, by reason',
  'Credentials refused',
  'Calls by result',
  'Call to accepted, p99',
  'Ends of sockets',
  'Heartbeats missed',
  'Sockets dead of missed heartbeats',
  'Alerts taken back',
])

const Answer = z.object({ status: z.literal('success'), data: z.object({ result: z.array(z.unknown()) }) })
const Rules = z.object({
  groups: z.array(z.looseObject({ rules: z.array(z.looseObject({ expr: z.string() })) })),
})
const RuleStates = z.object({
  data: z.object({
    groups: z.array(z.object({ rules: z.array(z.object({ name: z.string(), health: z.string() })) })),
  }),
})

/** The whole product with traffic, and a real Prometheus that scrapes it. */
const test = base
  .extend('opened', { scope: 'file' }, async ({}, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    return opened
  })
  .extend('directory', { scope: 'file' }, async ({ opened }) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'parley-prometheus-'))
    opened.defer(() => rm(directory, { recursive: true, force: true }))
    return directory
  })
  .extend('prometheus', { scope: 'file' }, async ({ opened, directory }) => {
    const missing = 'install prometheus, as in `apt-get install prometheus`'
    await needDebian({ binaries: ['prometheus'], packages: ['prometheus'], missing })
    const ports = await findFreePorts()
    // One person uploads all the time, for as long as this machine takes.
    const overrides = { HEARTBEAT_FOREGROUND_MS: '2000', MAX_PENDING_UPLOADS: '1000' }
    const stack = opened.use(await startStack({ stateDir: path.join(directory, 'stack'), ports, overrides }))
    const internal = [
      ports.gateway1Internal,
      ports.gateway2Internal,
      ports.messagesInternal,
      ports.mediaInternal,
      ports.pushInternal,
    ].map((port) => `127.0.0.1:${port}`)
    opened.use(await talk(stack))
    const url = `http://127.0.0.1:${await findFreePort()}`
    const config = path.join(directory, 'prometheus.yml')
    await writeFile(
      config,
      stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: [await writeRules(directory)],
        scrape_configs: [
          {
            job_name: 'parley',
            static_configs: [{ targets: internal }],
            metric_relabel_configs: [asPrometheus3],
          },
        ],
      }),
    )
    const storage = path.join(directory, 'prometheus')
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${storage}`,
      `--web.listen-address=${url.slice(7)}`,
    ]
    const started = opened.use(startProcess({ file: 'prometheus', args, options: {} }))
    const ask = async (route: string, query: Record<string, string> = {}): Promise<unknown> => {
      const response = await fetch(`${url}${route}?${new URLSearchParams(query).toString()}`)
      const text = await response.text()
      if (!response.ok) throw new Error(`${JSON.stringify(query)}: ${text}`)
      return text.startsWith('{') ? JSON.parse(text) : text
    }
    await waitUntilReady('prometheus', started, async () => void (await ask('/-/ready')))
    return {
      ask,
      /** As Grafana asks, with an interval that fits how often is scraped here. */
      query: async (expr: string) => {
        const query = expr.replaceAll('$__rate_interval', '5s')
        return Answer.parse(await ask('/api/v1/query', { query })).data.result
      },
    }
  })

/** Prometheus 3, which docker-compose.yml has, keeps whole bounds as floats; Debian's 2 keeps them as they came. */
const asPrometheus3 = {
  source_labels: ['le'],
  regex: String.raw`(\d+)`,
  target_label: 'le',
  replacement: '${1}.0', // oxlint-disable-line no-template-curly-in-string
}

/** The rules as they are, but for how often they are looked at. */
async function writeRules(directory: string): Promise<string> {
  const rules = Rules.parse(
    parse(await readFile(path.join(root, 'infra/observability/prometheus/rules.yml'), 'utf8')),
  )
  const file = path.join(directory, 'rules.yml')
  await writeFile(file, stringify({ groups: rules.groups.map((group) => ({ ...group, interval: '1s' })) }))
  return file
}

/** People who send, are pushed and upload, again and again. */
async function talk(stack: Stack): Promise<AsyncDisposable> {
  const api = createApi(stack.urls.app)
  const [ann, ben, cas] = [await signUp(api), await signUp(api), await signUp(api)]
  const token = randomBytes(32).toString('hex')
  await api.put('/v1/devices/current/push', { kind: 'apns', token }, cas.token)
  const clients = [ann, ben].map(
    (person, i) => new ChatClient({ url: stack.urls.gateways[i] ?? '', token: () => person.token }),
  )
  const [annClient] = await Promise.all(clients.map((client) => client.connected()))
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
    'base64',
  )
  let over = false
  const round = async () => {
    for (const to of [ben, cas]) await annClient?.send({ userId: to.userId }, 'text', { text: 'hello' })
    const { body } = await api.post(
      '/v1/media/uploads',
      { fileName: 'dot.png', contentType: 'image/png', sizeBytes: png.length },
      ann.token,
    )
    const { mediaId, upload } = body as unknown as { mediaId: string; upload: { url: string } & RequestInit }
    await fetch(upload.url, { ...upload, body: png })
    await api.post(`/v1/media/uploads/${mediaId}/complete`, {}, ann.token)
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  const talking = (async () => {
    while (!over) await round()
  })()
  return {
    async [Symbol.asyncDispose]() {
      over = true
      await talking
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    },
  }
}

test('what may be without data is a panel', () => {
  const titles = new Set(dashboards.flatMap(({ panels }) => panels.map(({ title }) => title)))
  expect([...quiet].filter((title) => !titles.has(title))).toEqual([])
})

test('a real Prometheus reaches every process', async ({ prometheus }) => {
  await vi.waitUntil(async () => (await prometheus.query('up == 1')).length === 5, {
    interval: 200,
  })
})

test.for(dashboards.flatMap(({ title, panels }) => panels.map((panel) => ({ dashboard: title, ...panel }))))(
  '$dashboard / $title is answered by it, and with data where there is traffic',
  async ({ title, queries }, { prometheus }) => {
    for (const { expr } of queries) {
      const shown = async () => (await prometheus.query(expr)).length > 0
      if (quiet.has(title)) await shown()
      else await vi.waitUntil(shown, { interval: 200 })
    }
  },
)

test('every rule is evaluated by it, and no alert fires on a product that is well', async ({
  prometheus,
}) => {
  const rules = async () => {
    const { data } = RuleStates.parse(await prometheus.ask('/api/v1/rules'))
    return data.groups.flatMap((group) => group.rules)
  }
  await vi.waitUntil(async () => (await rules()).every(({ health }) => health !== 'unknown'), {
    interval: 200,
  })
  expect((await rules()).filter(({ health }) => health !== 'ok')).toEqual([])
  for (const { name } of slos) {
    const ratio = `parley:slo_${name.toLowerCase()}:bad_ratio_rate5m`
    // Of nobody within the window is NaN, and data; a series that is not there is not.
    await vi.waitUntil(async () => (await prometheus.query(ratio)).length > 0, { interval: 200 })
  }
  // What is promised in seconds depends on the machine; that those stay silent is for promtool to say.
  const timed = slos.filter(({ bad }) => bad('5m').includes('_bucket')).map(({ name }) => name.toLowerCase())
  expect(await prometheus.query(`ALERTS{alertstate="firing", slo!~"${timed.join('|')}"}`)).toEqual([])
})
