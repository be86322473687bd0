import { expect, test } from 'vitest'
import { levelOf, renderLine } from './render-line.ts'

const time = new Date(2026, 0, 2, 3, 4, 5).getTime()

test('a log record becomes time, name, level, message, fields and the error in brackets', () => {
  const line = JSON.stringify({
    level: 40,
    time,
    service: 'messages',
    userId: 'alice',
    counts: { sent: 2 },
    err: { type: 'Error', message: 'no way', stack: 'Error: no way\n at x' },
    msg: 'job failed',
  })
  expect(renderLine('messages', line, { colour: false })).toBe(
    '03:04:05 messages   warn job failed userId=alice counts={"sent":2} (Error: no way)',
  )
})

test.for([
  ['plain text of PostgreSQL', undefined],
  ['{"level":50', undefined],
  ['{"level":50}', 50],
  ['{"level":30,"msg":"x"', 30],
] as const)('%s has level %s, and is shown whatever it is', ([line, level]) => {
  expect(levelOf(line)).toBe(level)
  expect(renderLine('redis', line, { colour: false })).toContain('redis')
})

test('text from outside cannot steer the terminal', () => {
  const line = JSON.stringify({ level: 40, time, msg: '\u001b[2J\u001b]0;gone\u0007hello' })
  expect(renderLine('messages', line, { colour: false })).not.toContain('\u001b')
  expect(renderLine('messages', line, { colour: true })).not.toContain('\u001b[2J')
})
