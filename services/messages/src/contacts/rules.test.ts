import { describe, expect, test } from 'vitest'
import { barsOf } from './bars.ts'
import { type ContactState, type Pair, type Relation, stranger } from './relation.ts'
import * as rules from './rules.ts'

const now = new Date('2026-01-02T00:00:00Z')
const is = (state: ContactState, more: Partial<Relation> = {}): Relation => ({ ...stranger, state, ...more })
const pair = (mine: Relation, theirs: Relation): Pair => ({ mine, theirs })
const states = ({ mine, theirs }: Pair) => [mine.state, theirs.state]
const ask = (it: Pair) => rules.request(it, { greeting: 'hi', now })

describe('what a wish makes of a pair', () => {
  test.for([
    ['asking a stranger', ask, pair(stranger, stranger), ['requested', 'received'], 'contact.requested'],
    [
      'asking who asked me',
      ask,
      pair(is('received'), is('requested')),
      ['contact', 'contact'],
      'contact.accepted',
    ],
    [
      'asking who was a contact',
      ask,
      pair(is('removed'), is('removed')),
      ['requested', 'received'],
      'contact.requested',
    ],
    [
      'asking whom I declined',
      ask,
      pair(is('none'), is('declined')),
      ['requested', 'received'],
      'contact.requested',
    ],
    [
      'accepting',
      rules.accept,
      pair(is('received'), is('requested')),
      ['contact', 'contact'],
      'contact.accepted',
    ],
    [
      'declining',
      rules.decline,
      pair(is('received'), is('requested')),
      ['none', 'declined'],
      'contact.declined',
    ],
    [
      'removing a contact',
      rules.remove,
      pair(is('contact'), is('contact')),
      ['removed', 'removed'],
      'contact.removed',
    ],
    [
      'taking a request back',
      rules.remove,
      pair(is('requested'), is('received')),
      ['none', 'none'],
      'contact.withdrawn',
    ],
    [
      'removing who asked me',
      rules.remove,
      pair(is('received'), is('requested')),
      ['none', 'declined'],
      'contact.declined',
    ],
  ] as const)('%s tells both sides', ([, decide, before, after, event]) => {
    const change = decide(before)
    expect([states(change.pair), change.mine, change.theirs]).toEqual([after, event, event])
  })

  test.for([
    ['asking twice', ask, pair(is('requested'), is('received'))],
    ['asking a contact', ask, pair(is('contact'), is('contact'))],
    ['accepting twice', rules.accept, pair(is('contact'), is('contact'))],
    ['declining twice', rules.decline, pair(is('none'), is('declined'))],
    ['removing nobody', rules.remove, pair(stranger, stranger)],
    ['blocking twice', rules.block, pair(is('none', { blocked: true }), stranger)],
    ['unblocking nobody', rules.unblock, pair(stranger, stranger)],
  ] as const)('%s changes nothing', ([, decide, before]) => {
    expect(decide(before)).toEqual({ pair: before })
  })

  test.for([
    ['asking who blocks me', ask, pair(stranger, is('none', { blocked: true })), 'forbidden'],
    ['asking whom I block', ask, pair(is('none', { blocked: true }), stranger), 'conflict'],
    [
      'asking again at once who declined',
      ask,
      pair(is('declined', { requestedAt: now }), stranger),
      'rate_limited',
    ],
    [
      'asking again at once after taking the request back',
      ask,
      rules.remove(ask(pair(stranger, stranger)).pair).pair,
      'rate_limited',
    ],
    ['accepting nobody', rules.accept, pair(stranger, stranger), 'conflict'],
    ['accepting one’s own request', rules.accept, pair(is('requested'), is('received')), 'conflict'],
    [
      'accepting who blocks me',
      rules.accept,
      pair(is('received'), is('requested', { blocked: true })),
      'forbidden',
    ],
    [
      'accepting whom I block',
      rules.accept,
      pair(is('received', { blocked: true }), is('requested')),
      'conflict',
    ],
    ['declining nobody', rules.decline, pair(stranger, stranger), 'conflict'],
    [
      'a remark on a stranger',
      (it: Pair) => rules.rename(it, { remark: 'x' }),
      pair(stranger, stranger),
      'conflict',
    ],
  ] as const)('P9 %s is refused', ([, decide, before, code]) => {
    expect(() => decide(before)).toThrow(expect.objectContaining({ code }))
  })

  const dayBefore = new Date(now.getTime() - 24 * 3_600_000)
  test.for([
    ['declined', pair(is('declined', { requestedAt: dayBefore }), stranger)],
    ['were asked and not waited for', pair(is('none', { requestedAt: dayBefore }), stranger)],
  ] as const)('who %s may be asked again after a day', ([, before]) => {
    expect(states(ask(before).pair)).toEqual(['requested', 'received'])
  })

  test('whom I declined since I took my own request back may be asked at any time', () => {
    const before = pair(is('none', { requestedAt: now }), is('declined', { requestedAt: now }))
    expect(states(ask(before).pair)).toEqual(['requested', 'received'])
  })

  test('only the blocker is told of a block', () => {
    expect(rules.block(pair(is('contact'), is('contact')))).toMatchObject({
      mine: 'contact.blocked',
      pair: { mine: { state: 'contact', blocked: true } },
    })
    expect(rules.block(pair(stranger, stranger)).theirs).toBeUndefined()
  })
})

describe('who may write', () => {
  const blocked = is('contact', { blocked: true })
  test.for([
    ['strangers who take anyone', pair(stranger, stranger), ['anyone', 'anyone'], undefined, [null, null]],
    [
      'strangers who take contacts only',
      pair(stranger, stranger),
      ['contacts', 'contacts'],
      undefined,
      ['stranger', 'stranger'],
    ],
    [
      'a stranger to whom they wrote first',
      pair(stranger, stranger),
      ['contacts', 'contacts'],
      'them',
      [null, 'stranger'],
    ],
    [
      'a stranger who takes contacts only and wrote first',
      pair(stranger, stranger),
      ['contacts', 'anyone'],
      'me',
      [null, null],
    ],
    ['contacts', pair(is('contact'), is('contact')), ['contacts', 'contacts'], 'me', [null, null]],
    [
      'who were contacts',
      pair(is('removed'), is('removed')),
      ['contacts', 'contacts'],
      'them',
      ['stranger', 'stranger'],
    ],
    ['whom I block', pair(blocked, is('contact')), ['anyone', 'anyone'], 'me', ['blocked', 'blocked']],
    ['who blocks me', pair(is('contact'), blocked), ['anyone', 'anyone'], 'me', ['blocked', 'blocked']],
  ] as const)('P9 %s', ([, of, [mine, theirs], openedBy, [myBar, theirBar]]) => {
    expect(barsOf({ pair: of, messagesFrom: { mine, theirs }, openedBy })).toEqual({
      mine: myBar,
      theirs: theirBar,
    })
  })
})
