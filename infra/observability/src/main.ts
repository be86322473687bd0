import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { renderArtifacts, root } from './artifacts.ts'

for (const [file, text] of renderArtifacts()) {
  writeFileSync(path.join(root, file), text)
  process.stdout.write(`${file}\n`)
}
