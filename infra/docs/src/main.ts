import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { makePages } from './pages.ts'

for (const [name, text] of Object.entries(await makePages()))
  writeFileSync(path.join(import.meta.dirname, '../../../docs', name), text)
