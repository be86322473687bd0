import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { protocolPage } from './protocol-page.ts'

test('docs/protocol.md says what the code does: run `pnpm protocol` after changing the protocol', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../../docs/protocol.md'), 'utf8')
  expect(page).toBe(`${protocolPage()}\n`)
})
