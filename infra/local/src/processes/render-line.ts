import { stripVTControlCharacters, styleText } from 'node:util'
import { laneOf } from '@parley/shared/instances'

const levels: Record<number, string> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}
const levelColours = { warn: 'yellow', error: 'red', fatal: 'red' } as const
const nameColours = ['cyan', 'magenta', 'green', 'blue', 'yellow'] as const
const ownFields = new Set(['level', 'time', 'pid', 'hostname', 'service', 'msg', 'err', 'component'])

/** The pino level of a log line, read without parsing it; undefined for a line that is not one of ours. */
export function levelOf(line: string): number | undefined {
  const level = /^\{"level":(\d+)[,}]/.exec(line)?.[1]
  return level === undefined ? undefined : Number(level)
}

/** A service's JSON log line as a person reads it: time, who, level, message, fields. */
export function renderLine(name: string, line: string, { colour }: { colour: boolean }): string {
  const paint = (tone: 'red' | (typeof nameColours)[number], text: string) =>
    colour ? styleText(tone, text, { validateStream: false }) : text
  const prefix = paint(nameColours[laneOf(name, nameColours.length)] ?? 'cyan', name.padEnd(10))
  const record = parse(line)
  if (!record) return `${prefix} ${harmless(line)}`
  const level = levels[Number(record['level'])] ?? 'info'
  const label = level in levelColours ? paint(levelColours[level as keyof typeof levelColours], level) : level
  const fields = Object.entries(record)
    .filter(([key]) => !ownFields.has(key))
    .map(([key, value]) => `${key}=${textOf(value)}`)
  const time = new Date(Number(record['time'])).toTimeString().slice(0, 8)
  const told = [textOf(record['msg'] ?? ''), ...fields, ...errorText(record['err'])]
  return [time, prefix, label, harmless(told.join(' '))].join(' ')
}

function errorText(err: unknown): string[] {
  if (typeof err !== 'object' || err === null) return []
  const { type, message } = err as { type?: unknown; message?: unknown }
  return [`(${textOf(type)}: ${textOf(message)})`]
}

function parse(line: string): Record<string, unknown> | undefined {
  if (levelOf(line) === undefined) return undefined
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')
}

/** Log lines hold text that came from outside, which must not steer the terminal. */
function harmless(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, ' ')
}
