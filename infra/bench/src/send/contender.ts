/** One client of a contender: where it connects and what it says. */
export interface Seat {
  url: string
  authJson: string
  event: string
  /** Which of the groups it sits in, from 0. */
  group: number
  /** The payload of a message with this mark, which no other message of the seat has. */
  payload: (mark: string) => string
  /** What the seat sends, once a second at most, for what it has received; nothing if it does not acknowledge. */
  receipt?: (eventText: string) => { event: string; payload: string } | undefined
}

/** Something that passes messages between members of groups: the product, or what it is measured against. */
export interface Contender extends AsyncDisposable {
  name: 'parley' | 'relay'
  /** A seat for each member of each group. */
  seats: (groups: number, size: number) => Promise<Seat[]>
  /** Every process but the load generator, by part. */
  pids: () => Record<string, number[]>
  /** What is wrong with what is stored of its messages: less than was acknowledged, or numbered with holes. */
  verify: (acked: number) => Promise<string[]>
}

/** Some 250 bytes as JSON, like a line of chat. */
export const sampleText =
  'The quick brown fox jumps over the lazy dog, and then it does so again for good measure. '
    .repeat(2)
    .slice(0, 150)
