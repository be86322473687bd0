import { generateKeyPairSync } from 'node:crypto'
import { ConfigError } from '@parley/shared/env'
import { describe, expect, test } from 'vitest'
import { loadConfig } from './config.ts'

const pem = (type: 'ec' | 'rsa') => {
  const pair =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2_048 })
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}
const base = {
  REDIS_URL: 'redis://localhost',
  INTERNAL_SECRET: 'a-secret-of-this-test',
  MESSAGES_URLS: 'http://a:3101, http://b:3101',
}
const apns = { APNS_TEAM_ID: 'TEAM', APNS_KEY_ID: 'KEY', APNS_PRIVATE_KEY: pem('ec') }
const account = (key: string) => ({
  FCM_SERVICE_ACCOUNT: JSON.stringify({ project_id: 'p', client_email: 'push@p', private_key: key }),
})

describe('configuration', () => {
  test('without credentials leaves every provider off', async () => {
    const config = loadConfig(base)
    expect(config).toMatchObject({
      concurrency: 32,
      http: { internalPort: 3_103 },
      messages: { urls: ['http://a:3101', 'http://b:3101'] },
    })
    expect(await config.credentials.read()).toEqual({ sets: [], broken: [] })
  })

  test('with credentials has a set for each environment of Apple and one for Google', async () => {
    const { sets } = await loadConfig({ ...base, ...apns, ...account(pem('rsa')) }).credentials.read()
    expect(sets).toMatchObject([
      { name: 'env:apns-production', provider: 'apns', environment: 'production' },
      { name: 'env:apns-sandbox', provider: 'apns', environment: 'sandbox' },
      { name: 'env:fcm', provider: 'fcm' },
    ])
  })

  test('takes a key whose line ends are written as \\n', async () => {
    const oneLine = { ...apns, APNS_PRIVATE_KEY: apns.APNS_PRIVATE_KEY.replaceAll('\n', '\\n') }
    expect((await loadConfig({ ...base, ...oneLine }).credentials.read()).sets).toHaveLength(2)
  })

  test('may give the sandbox a key of its own', async () => {
    const sandbox = { APNS_SANDBOX_KEY_ID: 'OTHER', APNS_SANDBOX_PRIVATE_KEY: pem('ec') }
    const before = await loadConfig({ ...base, ...apns }).credentials.read()
    const after = await loadConfig({ ...base, ...apns, ...sandbox }).credentials.read()
    const changed = after.sets.filter(({ fingerprint }, i) => fingerprint !== before.sets[i]?.fingerprint)
    expect(changed.map(({ name }) => name)).toEqual(['env:apns-sandbox'])
  })

  test.for<[string, Record<string, string>]>([
    ['APNS_TEAM_ID', { ...apns, APNS_TEAM_ID: '' }],
    ['APNS_KEY_ID', { ...apns, APNS_KEY_ID: '' }],
    ['APNS_PRIVATE_KEY', { ...apns, APNS_PRIVATE_KEY: '' }],
    ['APNS_PRIVATE_KEY', { ...apns, APNS_PRIVATE_KEY: 'no key' }],
    ['APNS_PRIVATE_KEY', { ...apns, APNS_PRIVATE_KEY: pem('rsa') }],
    ['APNS_SANDBOX_PRIVATE_KEY', { ...apns, APNS_SANDBOX_KEY_ID: 'OTHER' }],
    ['FCM_SERVICE_ACCOUNT', { FCM_SERVICE_ACCOUNT: 'no JSON' }],
    ['FCM_SERVICE_ACCOUNT', { FCM_SERVICE_ACCOUNT: '{"project_id":"p"}' }],
    ['FCM_SERVICE_ACCOUNT', account('no key')],
    ['FCM_SERVICE_ACCOUNT', account(pem('ec'))],
    ['APNS_PRODUCTION_URL', { APNS_PRODUCTION_URL: 'http://plain' }],
    ['MESSAGES_URLS', { MESSAGES_URLS: 'nowhere' }],
  ])('names %s when that is missing or wrong, and shows no value', ([name, env]) => {
    const load = () => loadConfig({ ...base, ...env })
    expect(load).toThrow(ConfigError)
    expect(load).toThrow(new RegExp(`${name}\\b`))
    expect(load).not.toThrow(/no key|BEGIN|nowhere/)
  })
})
