import { expect, test } from 'vitest'
import { destinationOf } from './routes.ts'

test.for([
  ['/', 'page'],
  ['/v1/media/uploads', 'media'],
  ['/v1/media', 'media'],
  ['/v1/mediation', 'messages'],
  ['/v1/messages', 'messages'],
  ['/v1/sync', 'gateway'],
  ['/v1/events', 'gateway'],
  ['/v1/syncs', 'messages'],
  ['/socket.io/', 'gateway'],
  ['/socket.io', 'gateway'],
  ['/socket.iox', 'none'],
  ['/v10/x', 'none'],
  ['/rpc/messages/send', 'none'],
  ['/metrics', 'none'],
  ['/readyz', 'none'],
  ['//rpc/x', 'none'],
] as const)('%s belongs to %s', ([path, destination]) => {
  expect(destinationOf(path)).toBe(destination)
})
