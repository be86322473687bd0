import { encodeEvent } from '@parley/shared/realtime'
import { expect, test } from 'vitest'
import { storedAt } from './stored-at.ts'

const doorbell = (sentAt: string) =>
  Buffer.from(encodeEvent('entry:new', { entry: { sentAt, seq: 1 } } as never))

test.for(['2026-11-22T12:34:56.789Z', '2000-02-29T00:00:00.000Z', '2031-12-31T23:59:59.999Z'])(
  'an entry of %s was stored then',
  (sentAt) => expect(storedAt(doorbell(sentAt))).toBe(Date.parse(sentAt)),
)

test.for([
  ['a time that is none', doorbell('2026-11-22Tnoon:56.789Z')],
  ['a time that breaks off', doorbell('2026-11').subarray(0, 40)],
  ['another event', Buffer.from(encodeEvent('log:stale', { withinMs: 1 }))],
  ['nothing', Buffer.alloc(0)],
] as const)('%s says nothing', ([_what, text]) => expect(storedAt(text)).toBeUndefined())
