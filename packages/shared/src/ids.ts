import { createHash, hash, randomUUID } from 'node:crypto'
import { z } from 'zod'

/** Chosen by whoever creates the account. Two ids that differ only in case cannot both exist. */
export const UserId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'letters, digits and . _ @ -, at most 64')
  .brand<'UserId'>()
export type UserId = z.output<typeof UserId>

/** Chosen by the app and kept for the life of an installation. */
export const DeviceId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'letters, digits and . _ : -, at most 64')
  .brand<'DeviceId'>()
export type DeviceId = z.output<typeof DeviceId>

export const ConversationId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'letters, digits and _ -, at most 64')
  .brand<'ConversationId'>()
export type ConversationId = z.output<typeof ConversationId>

export const MessageId = z.string().max(96).brand<'MessageId'>()
export type MessageId = z.output<typeof MessageId>

export const MediaId = z.uuid().brand<'MediaId'>()
export type MediaId = z.output<typeof MediaId>

export const SessionId = z.uuid().brand<'SessionId'>()
export type SessionId = z.output<typeof SessionId>

/** The conversation of two people: the same id whoever asks, so the first message needs no set-up call. */
export function directConversationId(a: UserId, b: UserId): ConversationId {
  const [first, second] = a < b ? [a, b] : [b, a]
  const digest = createHash('sha256').update(`${first}\n${second}`).digest('base64url')
  return `d-${digest.slice(0, 24)}` as ConversationId
}

/** A user's own log: what concerns this user alone, whoever caused it. */
export function ownConversationId(userId: UserId): ConversationId {
  return `s-${createHash('sha256').update(userId).digest('base64url').slice(0, 24)}` as ConversationId
}

export function newGroupId(): ConversationId {
  return `g-${randomUUID()}` as ConversationId
}

/** A message is its place in its log, which never changes; so its id needs no storage and no index. */
export function messageIdOf(conversationId: string, seq: number): MessageId {
  return `${conversationId}.${seq}` as MessageId
}

/** As `messageIdOf` spells it: `Number` alone takes ` 7`, `07` and `7e0` for the same place. */
const ofMessage = /^[A-Za-z0-9][A-Za-z0-9_-]*\.([1-9]\d*)$/

/** The place of a message in its log; undefined for what is no message id. */
export function seqOfMessage(messageId: string): number | undefined {
  const seq = Number(ofMessage.exec(messageId)?.[1])
  return Number.isSafeInteger(seq) ? seq : undefined
}

/** A stable UUID for a name, in the form of RFC 9562 version 8: the same input gives the same id on every node. */
export function uuidFrom(...parts: string[]): string {
  const hex = hash('sha256', parts.join('\n'), 'hex')
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
