import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createLogger } from '@parley/shared/log'
import sharp from 'sharp'
import { test as base, expect } from 'vitest'
import { chatForms } from '../src/processing/form-plans.ts'
import { type ImageProcesses, startImageProcesses } from '../src/processing/image-processes.ts'
import { NoAnswer } from '../src/processing/no-answer.ts'
import { bombPng, plainPng } from './images.ts'

const asked = { shown: true, fit: 'inside', forms: chatForms } as const
const memoryLimitBytes = 1024 ** 3

const log = createLogger('media', { level: 'silent' })

const test = base
  .extend('directory', async ({}, { onCleanup }) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'parley-images-'))
    onCleanup(() => rm(directory, { recursive: true, force: true }))
    return directory
  })
  .extend('images', { scope: 'file' }, async ({}, { onCleanup }) => {
    const images = startImageProcesses({ count: 2, timeLimitMs: 20_000, memoryLimitBytes, log })
    onCleanup(() => images[Symbol.asyncDispose]())
    return images
  })

async function transform(images: ImageProcesses, directory: string, bytes: Buffer, contentType: string) {
  const file = path.join(directory, 'original')
  await writeFile(file, bytes)
  return images.transform({ file, directory, contentType, ...asked })
}

const svg = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>',
)
const tiff = () =>
  sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } })
    .tiff()
    .toBuffer()

test.for([
  { what: 'an SVG', bytes: async () => svg, contentType: 'image/png' },
  { what: 'a TIFF', bytes: tiff, contentType: 'image/jpeg' },
  { what: 'a PNG that was taken for a JPEG', bytes: () => plainPng(), contentType: 'image/jpeg' },
  { what: 'a type it does not know', bytes: () => plainPng(), contentType: 'image/svg+xml' },
  { what: 'half a PNG', bytes: async () => (await plainPng()).subarray(0, 60), contentType: 'image/png' },
])('$what is not read', async ({ bytes, contentType }, { images, directory }) => {
  const reply = await transform(images, directory, await bytes(), contentType)
  expect(reply).toEqual({ ok: false, failure: 'unreadable' })
  expect(await readdir(directory)).toEqual(['original'])
})

test('a small file of 256 megapixels is refused before it is unpacked', async ({ directory }) => {
  // Unpacked it would hold more than that, and its process would be ended.
  const memory = 200 * 1024 ** 2
  await using images = startImageProcesses({ count: 1, timeLimitMs: 20_000, memoryLimitBytes: memory, log })
  const reply = await transform(images, directory, bombPng(), 'image/png')
  expect(reply).toEqual({ ok: false, failure: 'too_many_pixels' })
})

test('a disk that cannot be written to is not the fault of the file', async ({ images, directory }) => {
  const file = path.join(directory, 'original')
  await writeFile(file, await plainPng())
  const missing = path.join(directory, 'missing')
  const reply = await images.transform({ file, directory: missing, contentType: 'image/png', ...asked })
  expect(reply).toMatchObject({ ok: false, failure: 'internal' })
})

test('a process that does not answer in time is ended, and the next file gets another', async ({
  directory,
}) => {
  await using images = startImageProcesses({ count: 2, timeLimitMs: 1, memoryLimitBytes, log })
  const png = await plainPng()
  await expect(transform(images, directory, png, 'image/png')).rejects.toThrow(NoAnswer)
  expect(images.count).toBe(0)
})

test('a process that holds more memory than allowed is ended', async ({ directory }) => {
  await using images = startImageProcesses({
    count: 1,
    timeLimitMs: 20_000,
    memoryLimitBytes: 16 * 1024 ** 2,
    log,
  })
  const large = transform(images, directory, await plainPng(6_000, 6_000), 'image/png')
  await expect(large).rejects.toThrow('ended with SIGKILL')
})

test('a process is kept for the next file, and no more are at work than allowed', async ({ directory }) => {
  await using images = startImageProcesses({ count: 2, timeLimitMs: 20_000, memoryLimitBytes, log })
  const png = await plainPng()
  for (let i = 0; i < 3; i++) expect((await transform(images, directory, png, 'image/png')).ok).toBe(true)
  expect(images.count).toBe(1)
  await Promise.all([1, 2, 3, 4, 5].map(() => transform(images, directory, png, 'image/png')))
  expect(images.count).toBe(2)
})
