import type { Seen } from './device.ts'

interface Line {
  kind: 'message' | 'edit' | 'recall' | 'reaction' | 'other'
  by: number
  text: string
  recalled: boolean
  /** The message that an edit is of. */
  of: number
  /** Persons by emoji. */
  reactions: Map<string, Set<number>>
}

interface Member {
  floor: number
  read: number
  cleared: number
  hidden: Set<number>
  /** Messages that are read, or not, whatever `read` says. */
  marked: Map<number, boolean>
}

interface Conversation {
  policy: 'direct' | 'public' | 'chatroom'
  log: Line[]
  members: Map<number, Member>
  expelled: Set<number>
  dissolved: boolean
}

/** The one who owns both groups. */
export const owner = 0
/** Who is in each of the direct conversations. */
export const pairs = [
  [0, 1],
  [1, 2],
] as const
const line = (by: number, more: Partial<Line> = {}): Line => ({
  kind: 'other',
  by,
  text: '',
  recalled: false,
  of: 0,
  reactions: new Map(),
  ...more,
})
const member = (floor: number, read = floor): Member => ({
  floor,
  read,
  cleared: 0,
  hidden: new Set(),
  marked: new Map(),
})

/** What is to be expected of a request: no number where it is refused, that of its entry, or 0 where there is none. */
type Expected = number | undefined

/**
 * The rules of conversations without a server: two people twice, a public group and a chat room. Each request
 * either changes it, or is refused, as it should be for everybody.
 */
export class Model {
  readonly conversations: Conversation[]
  readonly #blocks = new Set<string>()

  constructor() {
    const direct = (): Conversation => ({
      policy: 'direct',
      log: [],
      members: new Map(),
      expelled: new Set(),
      dissolved: false,
    })
    const group = (policy: 'public' | 'chatroom', persons: number[]): Conversation => ({
      ...direct(),
      policy,
      log: [line(owner)],
      members: new Map(persons.map((person) => [person, member(0)])),
    })
    this.conversations = [direct(), direct(), group('public', [0, 1]), group('chatroom', [0, 1, 2])]
  }

  send(by: number, place: number, text: string): Expected {
    const conversation = this.#at(place)
    const pair = pairs[place]
    if (pair && !this.#isBlocked(place))
      for (const each of pair) if (!conversation.members.has(each)) conversation.members.set(each, member(0))
    if (!conversation.members.has(by) || this.#isBlocked(place)) return undefined
    return conversation.log.push(line(by, { kind: 'message', text }))
  }

  edit(by: number, place: number, seq: number, text: string): Expected {
    const message = this.#message(by, place, seq)
    if (!message || message.by !== by || message.recalled || this.#isBlocked(place)) return undefined
    message.text = text
    return this.#at(place).log.push(line(by, { kind: 'edit', of: seq }))
  }

  recall(by: number, place: number, seq: number): Expected {
    const message = this.#message(by, place, seq)
    const isGroup = this.#at(place).policy !== 'direct'
    if (!message || (message.by !== by && !(isGroup && by === owner))) return undefined
    if (message.recalled) return 0
    message.recalled = true
    return this.#at(place).log.push(line(by, { kind: 'recall' }))
  }

  react(by: number, place: number, seq: number, emoji: string, remove: boolean): Expected {
    const message = this.#message(by, place, seq)
    if (!message || message.recalled || this.#isBlocked(place)) return undefined
    const persons = message.reactions.get(emoji) ?? new Set()
    message.reactions.set(emoji, persons)
    if (persons.has(by) !== remove) return 0
    if (remove) persons.delete(by)
    else persons.add(by)
    return this.#at(place).log.push(line(by, { kind: 'reaction' }))
  }

  hide(by: number, place: number, seq: number): Expected {
    const standing = this.#at(place).members.get(by)
    if (!standing) return undefined
    if (this.#message(by, place, seq)) standing.hidden.add(seq)
    return 0
  }

  clear(by: number, place: number, seq: number): Expected {
    const { members, log } = this.#at(place)
    const standing = members.get(by)
    if (!standing) return undefined
    standing.cleared = Math.max(standing.cleared, Math.min(seq, log.length))
    standing.floor = Math.max(standing.floor, standing.cleared)
    return 0
  }

  read(by: number, place: number, seq: number): Expected {
    const { members, log } = this.#at(place)
    const standing = members.get(by)
    if (!standing) return undefined
    standing.read = Math.max(standing.read, Math.min(seq, log.length))
    for (const marked of standing.marked.keys()) if (marked <= seq) standing.marked.delete(marked)
    return 0
  }

  mark(by: number, place: number, seq: number, read: boolean): Expected {
    const standing = this.#at(place).members.get(by)
    const message = this.#message(by, place, seq)
    if (!standing || !message || standing.hidden.has(seq)) return undefined
    if (message.by === by) return 0
    if (read === seq <= standing.read) standing.marked.delete(seq)
    else standing.marked.set(seq, read)
    return 0
  }

  /** The messages that somebody has marked read, or unread, by themselves. */
  marked(person: number, place: number, read: boolean): number[] {
    const { marked, floor } = this.standing(person, place) ?? member(0)
    return [...marked.keys()]
      .filter((seq) => marked.get(seq) === read && seq > floor)
      .toSorted((a, b) => a - b)
  }

  join(by: number, place: number): Expected {
    const conversation = this.#at(place)
    if (conversation.dissolved) return undefined
    if (conversation.members.has(by)) return 0
    return conversation.expelled.has(by) ? undefined : this.#enter(conversation, by, by)
  }

  /** The owner alone invites here; who was removed may come back by it. */
  invite(whom: number, place: number): Expected {
    const conversation = this.#at(place)
    if (conversation.dissolved) return undefined
    if (conversation.members.has(whom)) return 0
    conversation.expelled.delete(whom)
    return this.#enter(conversation, owner, whom)
  }

  leave(by: number, place: number): Expected {
    const conversation = this.#at(place)
    if (!conversation.members.has(by) || by === owner) return undefined
    conversation.members.delete(by)
    return conversation.log.push(line(by))
  }

  kick(by: number, whom: number, place: number): Expected {
    const conversation = this.#at(place)
    if (by !== owner || conversation.dissolved) return undefined
    if (!conversation.members.has(whom) || whom === owner) return 0
    conversation.members.delete(whom)
    conversation.expelled.add(whom)
    return conversation.log.push(line(by))
  }

  dissolve(by: number, place: number): Expected {
    const conversation = this.#at(place)
    if (by !== owner || conversation.dissolved) return undefined
    conversation.dissolved = true
    conversation.members.clear()
    return conversation.log.push(line(by))
  }

  block(by: number, place: number, blocked: boolean): void {
    if (blocked) this.#blocks.add(`${place} ${by}`)
    else this.#blocks.delete(`${place} ${by}`)
  }

  standing(person: number, place: number): Member | undefined {
    return this.#at(place).members.get(person)
  }

  lastSeq(place: number): number {
    return this.#at(place).log.length
  }

  /** What each of this person's devices shows of a conversation. */
  seen(person: number, place: number, userIds: string[]): Seen[] {
    const { members, log } = this.#at(place)
    const standing = members.get(person)
    if (!standing) return []
    return log
      .map((entry, index) => ({ ...entry, seq: index + 1 }))
      .filter(({ seq }) => seq > standing.floor)
      .map(({ seq, kind, by, text, recalled, of, reactions }): Seen => {
        if (kind === 'edit' && (of <= standing.floor || standing.hidden.has(of)))
          return { seq, kind: 'hidden' }
        if (kind !== 'message') return { seq, kind }
        if (standing.hidden.has(seq)) return { seq, kind: 'hidden' }
        const senderId = userIds[by] ?? ''
        if (recalled) return { seq, kind, senderId, recalled }
        const kept = [...reactions]
          .filter(([, persons]) => persons.size > 0)
          .map(([emoji, persons]) => [
            emoji,
            [...persons].map((each) => userIds[each] ?? '').toSorted((a, b) => a.localeCompare(b)),
          ])
        return {
          seq,
          kind,
          senderId,
          text,
          ...(kept.length > 0 ? { reactions: Object.fromEntries(kept) } : {}),
        }
      })
  }

  unread(person: number, place: number): number {
    const { policy, log } = this.#at(place)
    const standing = this.standing(person, place)
    if (!standing || policy === 'chatroom') return 0
    const isUnread = ({ kind, by, recalled }: Line, index: number) =>
      kind === 'message' &&
      by !== person &&
      !recalled &&
      index >= standing.floor &&
      !(standing.marked.get(index + 1) ?? index < standing.read) &&
      !standing.hidden.has(index + 1)
    return log.filter(isUnread).length
  }

  #enter(conversation: Conversation, by: number, whom: number): number {
    const before = conversation.log.length
    conversation.members.set(whom, member(conversation.policy === 'chatroom' ? 0 : before, before))
    return conversation.log.push(line(by))
  }

  /** A message as far as this person may see it. */
  #message(by: number, place: number, seq: number): Line | undefined {
    const { members, log } = this.#at(place)
    const standing = members.get(by)
    const message = log[seq - 1]
    return standing && seq > standing.floor && message?.kind === 'message' ? message : undefined
  }

  #isBlocked(place: number): boolean {
    return pairs[place]?.some((each) => this.#blocks.has(`${place} ${each}`)) ?? false
  }

  #at(place: number): Conversation {
    const conversation = this.conversations[place]
    if (!conversation) throw new Error(`there is no place ${place}`)
    return conversation
  }
}
