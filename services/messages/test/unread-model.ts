import type { Done, World } from './random-history.ts'

interface Member {
  /** Messages before this one, by their number in the conversation, are not this member's. */
  from: number
  read: number
  /** What was said of single messages, whatever `read` says. */
  marked: Map<number, boolean>
  cleared: number
  hidden: Set<number>
  concealed: boolean
}

interface Conversation {
  counts: boolean
  seesAll: boolean
  log: { by: number; counted: boolean; recalled: boolean }[]
  members: Map<number, Member>
}

const newMember = (from: number): Member => ({
  from,
  read: 0,
  marked: new Map(),
  cleared: 0,
  hidden: new Set(),
  concealed: false,
})

/** What unread is, said a second time and without a database: conversations as lists of messages. */
export function createUnreadModel(world: World) {
  const conversations = world.conversationIds.map((_, place): Conversation => {
    const inside = place === 0 ? [0, 1] : place === 1 ? [2, 3] : [0, 1, 2]
    const isChatroom = place === 5
    const members = new Map(inside.map((person) => [person, newMember(0)]))
    return { counts: !isChatroom, seesAll: isChatroom, log: [], members }
  })
  /** Where each message is in its conversation. */
  const numbers: number[] = []

  return {
    follow({ step, message }: Done): void {
      const place = 'place' in step ? step.place : world.messages[message]?.place
      const conversation = conversations[place ?? -1]
      if (!conversation) throw new Error('a step is somewhere')
      const { log, members } = conversation
      const number = numbers[message] ?? log.length
      const member = 'by' in step ? members.get(step.by) : undefined
      switch (step.does) {
        case 'send':
          numbers[message] = log.push({ by: step.by, counted: step.counted, recalled: false }) - 1
          break
        case 'recall':
          for (const entry of log.slice(number, number + 1)) entry.recalled = true
          break
        case 'read':
          if (!member) break
          member.read = Math.max(member.read, number + 1)
          for (const each of member.marked.keys()) if (each <= number) member.marked.delete(each)
          break
        case 'mark':
          member?.marked.set(number, step.read)
          break
        case 'clear':
          if (member) member.cleared = Math.max(member.cleared, number + 1)
          break
        case 'hide':
          member?.hidden.add(number)
          break
        case 'conceal':
          if (member) member.concealed = true
          break
        case 'join':
        case 'invite':
          members.set('whom' in step ? step.whom : step.by, newMember(conversation.seesAll ? 0 : log.length))
          break
        case 'leave':
        case 'kick':
          members.delete('whom' in step ? step.whom : step.by)
          break
        case 'dissolve':
          members.clear()
          break
        case 'edit':
        case 'mute':
          break
      }
      const isActivity = ['send', 'join', 'invite', 'leave', 'kick', 'dissolve'].includes(step.does)
      if (isActivity) for (const each of members.values()) each.concealed = false
    },

    /** Of one person, by place; nothing for where they are not. */
    unread(person: number): (number | undefined)[] {
      return conversations.map(({ counts, log, members }) => {
        const member = members.get(person)
        if (!member || !counts || member.concealed) return member && 0
        const start = Math.max(member.from, member.cleared)
        const isRead = (number: number) => member.marked.get(number) ?? number < member.read
        return log.filter(
          ({ by, counted, recalled }, number) =>
            number >= start &&
            !isRead(number) &&
            by !== person &&
            counted &&
            !recalled &&
            !member.hidden.has(number),
        ).length
      })
    },
  }
}
