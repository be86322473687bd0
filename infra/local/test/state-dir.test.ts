import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test as base } from 'vitest'
import { processIdentity } from '../src/state/process-identity.ts'
import { loadSecrets } from '../src/state/secrets.ts'
import { StateDir } from '../src/state/state-dir.ts'

const test = base.extend('dir', async ({}, { onCleanup }) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'parley-state-'))
  onCleanup(() => rmSync(dir, { recursive: true, force: true }))
  return dir
})

test('a directory that is in use is refused with the process that uses it', async ({ dir }) => {
  await using _held = new StateDir(dir)
  expect(() => new StateDir(dir)).toThrow(`already running on ${dir} (process ${process.pid})`)
})

test('a directory is free again after its owner let go, or died', async ({ dir }) => {
  {
    await using _held = new StateDir(dir)
  }
  const owner = spawn('sleep', ['60'])
  const identity = processIdentity(owner.pid ?? 0)
  writeFileSync(path.join(dir, 'lock'), JSON.stringify({ pid: owner.pid, identity }))
  expect(() => new StateDir(dir)).toThrow('already running')
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  await using again = new StateDir(dir)
  expect(again.dir).toBe(dir)
})

test('a number that another program got since is not taken for the owner', async ({ dir }) => {
  writeFileSync(path.join(dir, 'lock'), JSON.stringify({ pid: process.pid, identity: 'another time' }))
  await using held = new StateDir(dir)
  expect(held.dir).toBe(dir)
})

test('what a killed stack left running is ended, and nothing that only has its number', async ({ dir }) => {
  const leftover = spawn('sleep', ['60'])
  const stranger = spawn('sleep', ['60'])
  await using _ = { [Symbol.asyncDispose]: async () => void stranger.kill() }
  const list = [
    { name: 'redis', pid: leftover.pid, identity: processIdentity(leftover.pid ?? 0), stopSignal: 'SIGTERM' },
    { name: 'edge', pid: stranger.pid, identity: 'another time', stopSignal: 'SIGTERM' },
  ]
  writeFileSync(path.join(dir, 'processes.json'), JSON.stringify(list))
  const gone = once(leftover, 'exit')
  await using state = new StateDir(dir)
  expect(await state.endLeftovers()).toEqual(['redis'])
  await gone
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
})

test('secrets are made once and only their owner may read them', ({ dir }) => {
  const secrets = path.join(dir, 'secrets')
  const made = loadSecrets(secrets)
  expect(loadSecrets(secrets)).toEqual(made)
  expect(statSync(made.signingKeyFile).mode & 0o777).toBe(0o600)
  expect(statSync(secrets).mode & 0o777).toBe(0o700)
  expect(readFileSync(made.signingKeyFile, 'utf8')).toContain('BEGIN PRIVATE KEY')
})
