import { inspect } from 'node:util'
import { findStage } from './stage.ts'
import { play } from './story.ts'
import { Verdicts } from './verdicts.ts'

const tell = (line: string) => void process.stdout.write(`${line}\n`)
const verdicts = new Verdicts()
let broke: unknown

try {
  await using stage = await findStage(process.argv.slice(2), process.env)
  tell(`the demo plays on ${stage.description}\n`)
  await play(stage, verdicts, (line) => tell(`— ${line}`))
} catch (cause) {
  broke = cause
}

tell(`\nVerdicts\n${verdicts.render()}`)
if (broke) tell(`\nthe demo broke off: ${inspect(broke)}`)
const failed = verdicts.failed > 0 || broke !== undefined
tell(failed ? '\nthe demo FAILED' : '\nevery promise looked at holds')
process.exit(failed ? 1 : 0)
