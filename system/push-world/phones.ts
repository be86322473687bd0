import { type ConversationId, type DeviceId, messageIdOf, type UserId } from '@parley/shared/ids'
import type { Push } from '../../services/push/src/providers/provider.ts'
import type { History } from './history.ts'

/** A device without a socket: what the provider brings is all it knows. */
interface Phone {
  userId: UserId
  deviceId: DeviceId
  badge: number | undefined
  /** By message. */
  shown: Map<string, { conversationId: ConversationId; seq: number }>
  everShown: Set<string>
  /** Its token is dead: nothing reaches it any more. */
  isDead: boolean
  /** Messages whose alert was refused for good. */
  refused: Set<string>
  /** It was refused to be told what it is to show. */
  isMisled: boolean
}

/** Everybody's phones: what they show, and which messages sounded on any of a user's. */
export function createPhones() {
  /** By token. */
  const phones = new Map<string, Phone>()
  const sounds = new Map<string, number>()

  function getPhone(token: string): Phone {
    const phone = phones.get(token)
    if (!phone) throw new Error('no such phone')
    return phone
  }

  return {
    add({ userId, deviceId, token }: Pick<Phone, 'userId' | 'deviceId'> & { token: string }): void {
      phones.set(token, {
        userId,
        deviceId,
        badge: undefined,
        shown: new Map(),
        everShown: new Set(),
        isDead: false,
        refused: new Set(),
        isMisled: false,
      })
    },

    /** What the checks call it, whatever its ids are this time. */
    nameOf(token: string): string {
      const { userId, deviceId } = getPhone(token)
      return `${userId.split('-')[0]}'s ${deviceId}`
    },

    isDead: (token: string): boolean => getPhone(token).isDead,

    die(token: string): void {
      getPhone(token).isDead = true
    },

    refuse(push: Push): void {
      const phone = getPhone(push.token.value)
      if (push.kind === 'alert') phone.refused.add(push.alert.messageId)
      else phone.isMisled = true
    },

    show(push: Push): void {
      const phone = getPhone(push.token.value)
      if (push.kind === 'alert') {
        const { messageId, seq, audible } = push.alert
        phone.badge = push.badge
        phone.shown.set(messageId, { conversationId: push.conversationId, seq })
        phone.everShown.add(messageId)
        const key = `${phone.userId} ${messageId}`
        if (audible) sounds.set(key, (sounds.get(key) ?? 0) + 1)
      } else if (push.kind === 'withdrawal') {
        phone.badge = push.badge
        for (const messageId of push.gone) phone.shown.delete(messageId)
        for (const [messageId, { conversationId, seq }] of phone.shown) {
          const isRead = push.read.some((mark) => mark.conversationId === conversationId && seq <= mark.seq)
          if (isRead) phone.shown.delete(messageId)
        }
      }
    },

    /** What is not as it should be, once everything has come to rest. */
    faults(history: History, badges: Map<string, number>): string[] {
      const found: string[] = []
      for (const [key, times] of sounds) if (times > 1) found.push(`${key} sounded ${times} times`)
      for (const phone of phones.values()) {
        if (phone.isDead) continue
        const key = `${phone.userId} ${phone.deviceId}`
        const total = badges.get(phone.userId) ?? 0
        for (const messageId of untoldOn(phone, history)) found.push(`${key} was never told of ${messageId}`)
        if (phone.isMisled) continue
        if (phone.badge !== undefined && phone.badge !== total)
          found.push(`${key} shows ${phone.badge} of ${total}`)
        for (const messageId of staleOn(phone, history)) found.push(`${key} still shows ${messageId}`)
      }
      return found
    },
  }
}

export type Phones = ReturnType<typeof createPhones>

function staleOn({ userId, shown }: Phone, history: History): string[] {
  return [...shown].flatMap(([messageId, { conversationId, seq }]) => {
    const isRead = seq <= history.markOf(userId, conversationId).read
    return isRead || history.findEntry(conversationId, seq)?.recalled ? [messageId] : []
  })
}

function untoldOn({ userId, everShown, refused }: Phone, history: History): string[] {
  return history.entries.flatMap(({ conversationId, seq, senderId, memberIds, recalled }) => {
    const { delivered } = history.markOf(userId, conversationId)
    if (!memberIds.includes(userId) || senderId === userId || recalled || seq <= delivered) return []
    const messageId = messageIdOf(conversationId, seq)
    return everShown.has(messageId) || refused.has(messageId) ? [] : [messageId]
  })
}
