import { AppError } from '@parley/shared/errors'
import type { UserId } from '@parley/shared/ids'
import { expect, test } from 'vitest'
import { createPlaces } from './places.ts'

const full = () => new AppError('overloaded', 'come back')
const [ann, bob, cid] = ['ann', 'bob', 'cid'] as UserId[] as [UserId, UserId, UserId]

test('a user has a few places, which leaves some to others, until all are taken', () => {
  const places = createPlaces({ inAll: 3, ofOne: 2 }, full)
  const [first] = [places.take(ann), places.take(ann)]
  expect(() => places.take(ann)).toThrow('come back')
  const others = places.take(bob)
  expect(() => places.take(cid)).toThrow('come back')
  others[Symbol.dispose]()
  expect(() => places.take(ann)).toThrow('come back')
  first[Symbol.dispose]()
  places.take(ann)
  places.take(cid)
  expect(() => places.take(bob)).toThrow('come back')
})
