import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test as base } from 'vitest'
import { SupervisedProcess } from '../src/processes/supervised-process.ts'

const test = base.extend('dir', async ({}, { onCleanup }) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'parley-supervised-'))
  onCleanup(() => rmSync(dir, { recursive: true, force: true }))
  return dir
})

/** A process that is ready once its script has written its own number into the file `pid`. */
function supervise(dir: string, script: string) {
  const news: string[] = []
  const lines: string[] = []
  const file = path.join(dir, 'pid')
  const supervised = new SupervisedProcess(
    {
      name: 'thing',
      command: async () => {
        rmSync(file, { force: true })
        return {
          file: process.execPath,
          args: ['-e', `const fs = require('node:fs'); ${script}`],
          options: { cwd: dir },
        }
      },
      ready: async () => void readFileSync(file),
      graceMs: 300,
      pauseMs: () => 10,
    },
    { onLine: (line) => lines.push(line), onNews: (text) => news.push(text), onPid: () => {} },
  )
  return { supervised, news, lines }
}

const isReady = `fs.writeFileSync('pid', String(process.pid))`
const stays = `${isReady}; setInterval(() => {}, 1000)`

test('a process that is killed is started again, and whoever waits is told when it is back', async ({
  dir,
}) => {
  const { supervised, news } = supervise(dir, stays)
  await using _ = supervised
  await supervised.start()
  const first = supervised.pid
  supervised.kill('SIGKILL')
  await supervised.whenReady()
  expect(supervised.pid).not.toBe(first)
  expect(news).toEqual(['thing ended (SIGKILL) and is started again'])
})

test('a stopped process stays stopped until it is started', async ({ dir }) => {
  const { supervised, news } = supervise(dir, stays)
  await using _ = supervised
  await supervised.start()
  await supervised.stop()
  expect(supervised.pid).toBeUndefined()
  await expect(supervised.whenReady()).rejects.toThrow('thing is stopped')
  await supervised.start()
  expect(supervised.pid).toBeTypeOf('number')
  expect(news).toEqual([])
})

test('a process that ends before it was ever ready fails the start with its last words', async ({ dir }) => {
  const { supervised } = supervise(dir, `console.error('bad settings'); process.exit(3)`)
  await expect(supervised.start()).rejects.toThrow('thing ended\nbad settings')
})

test('a process that does not obey is killed when its grace is over', async ({ dir }) => {
  const { supervised } = supervise(dir, `process.on('SIGTERM', () => {}); ${stays}`)
  await supervised.start()
  await supervised.stop()
  expect(supervised.pid).toBeUndefined()
})

test('a process that keeps ending is left alone after ten times', async ({ dir }) => {
  writeFileSync(path.join(dir, 'first'), '')
  const { supervised, news } = supervise(
    dir,
    `if (fs.existsSync('first')) { fs.rmSync('first'); ${stays} } else process.exit(1)`,
  )
  await using _ = supervised
  await supervised.start()
  supervised.kill()
  await expect(supervised.whenReady()).rejects.toThrow('thing keeps ending')
  expect(news.at(-1)).toBe('thing ended 11 times in a row and is left alone')
})

test('what it prints is handed on line by line', async ({ dir }) => {
  const { supervised, lines } = supervise(dir, `console.log('one\\ntwo'); ${stays}`)
  await using _ = supervised
  await supervised.start()
  await expect.poll(() => lines).toEqual(['one', 'two'])
})
