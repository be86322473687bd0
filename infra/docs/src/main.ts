import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { protocolPage } from './protocol-page.ts'

writeFileSync(path.join(import.meta.dirname, '../../../docs/protocol.md'), `${protocolPage()}\n`)
