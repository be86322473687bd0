import { writeFile } from 'node:fs/promises'
import { fanOutSection } from './fan-out/fan-out-section.ts'
import { growthSection } from './growth/growth-section.ts'
import { hotSection } from './hot-conversation/hot-section.ts'
import { idleSection } from './idle/idle-section.ts'
import { describeMachine } from './machine.ts'
import { mediaSection } from './media/media-section.ts'
import { pushSection } from './push/push-section.ts'
import { judge } from './report/judge.ts'
import { joinTables, toMarkdown } from './report/markdown.ts'
import type { CaseReport, Section } from './section.ts'
import { sendSection } from './send/send-section.ts'
import { loadSettings } from './settings.ts'
import { stormSection } from './storm/storm-section.ts'

const sections: Section[] = [
  sendSection,
  hotSection,
  fanOutSection,
  idleSection,
  growthSection,
  stormSection,
  pushSection,
  mediaSection,
]

// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const settings = loadSettings(process.argv.slice(2))
const at = new Date().toISOString()
const machine = describeMachine()
const reports: CaseReport[] = []
for (const section of sections) {
  if (!section.cases.some(settings.wanted)) continue
  // What one cannot measure leaves the others' figures as they are.
  const measured = section.measure(settings).catch((cause: unknown) => [failed(section, cause)])
  reports.push(...(await measured))
}

const verdicts = judge(reports)
process.stdout.write(
  `${toMarkdown({ at, settings, machine, verdicts, reports: joinTables(structuredClone(reports)) })}\n`,
)
if (settings.json)
  await writeFile(
    settings.json,
    `${JSON.stringify({ at, machine, settings, verdicts, reports }, undefined, 2)}\n`,
  )
if (reports.some(({ voids }) => voids.length > 0)) process.exitCode = 1

function failed({ cases }: Section, cause: unknown): CaseReport {
  const why = cause instanceof Error ? cause.message : String(cause)
  return { name: cases.join(', '), readings: [], tables: [], notes: [], voids: [why], rounds: [] }
}
