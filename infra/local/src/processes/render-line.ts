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
  const text = render(name, line)
  return colour ? text : stripVTControlCharacters(text)
}

function render(name: string, line: string): string {
  const prefix = paint(colourOf(name), name.padEnd(10))
  const record = parse(line)
  if (!record) return `${prefix} ${line}`
  const level = levels[Number(record['level'])] ?? 'info'
  const tone = level in levelColours ? levelColours[level as keyof typeof levelColours] : undefined
  const time = new Date(Number(record['time'])).toTimeString().slice(0, 8)
  const fields = Object.entries(record)
    .filter(([key]) => !ownFields.has(key))
    .map(([key, value]) => `${key}=${textOf(value)}`)
  const err = errorText(record['err'])
  const label = tone ? paint(tone, level) : level
  return [time, prefix, label, textOf(record['msg'] ?? ''), ...fields, ...(err ? [`(${err})`] : [])].join(' ')
}

function errorText(err: unknown): string | undefined {
  if (typeof err !== 'object' || err === null) return undefined
  const { type, message } = err as { type?: unknown; message?: unknown }
  return `${textOf(type)}: ${textOf(message)}`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')
}

function parse(line: string): Record<string, unknown> | undefined {
  if (levelOf(line) === undefined) return undefined
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}

function colourOf(name: string) {
  return nameColours[laneOf(name, nameColours.length)] ?? 'cyan'
}

function paint(colour: 'red' | (typeof nameColours)[number], text: string): string {
  return styleText(colour, text, { validateStream: false })
}
