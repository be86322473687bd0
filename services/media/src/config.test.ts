import { expect, test } from 'vitest'
import { loadConfig, loadMigrationConfig } from './config.ts'

const common = {
  DATABASE_URL: 'postgres://localhost/parley',
  REDIS_URL: 'redis://localhost',
  INTERNAL_SECRET: 'sixteen letters!',
  MESSAGES_URLS: 'http://a:3101,http://b:3101',
  AUTH_JWKS_URL: 'http://a:3101/jwks.json',
}
const fs = { STORAGE_FS_PATH: '/data', LINK_SECRET: 'l'.repeat(32) }
const s3 = {
  STORAGE: 's3',
  S3_ENDPOINT: 'http://store:7070',
  S3_BUCKET: 'media',
  S3_ACCESS_KEY_ID: 'key',
  S3_SECRET_ACCESS_KEY: 'a secret of s3',
}

test('each driver asks for what it needs and for nothing of the other', () => {
  expect(loadConfig({ ...common, ...fs }).storage).toMatchObject({ driver: 'fs', path: '/data' })
  expect(loadConfig({ ...common, ...s3 }).storage).toMatchObject({
    driver: 's3',
    publicEndpoint: 'http://store:7070',
    forcePathStyle: true,
  })
})

test.for([
  ...Object.keys(fs).map((missing) => ({ missing, env: { ...common, ...fs, [missing]: undefined } })),
  ...['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'].map((missing) => ({
    missing,
    env: { ...common, ...s3, [missing]: undefined },
  })),
])('without $missing nothing starts, and it is named', ({ missing, env }) => {
  expect(() => loadConfig(env)).toThrow(missing)
  expect(() => loadConfig(env)).not.toThrow('a secret of s3')
})

test('a wrong value is named and not shown', () => {
  const env = { ...common, ...fs, LINK_SECRET: 'too short' }
  expect(() => loadConfig(env)).toThrow('LINK_SECRET')
  expect(() => loadConfig(env)).not.toThrow('too short')
})

test('a migration needs the database alone, and with s3 the bucket too', () => {
  const { DATABASE_URL } = common
  expect(loadMigrationConfig({ DATABASE_URL }).bucket).toBeUndefined()
  expect(loadMigrationConfig({ DATABASE_URL, ...s3 }).bucket).toMatchObject({ bucket: 'media' })
  expect(() => loadMigrationConfig({ DATABASE_URL, STORAGE: 's3' })).toThrow('S3_BUCKET')
})
