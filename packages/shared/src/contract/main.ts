import { freeze } from './frozen.ts'

process.stdout.write(`${freeze()}\n`)
