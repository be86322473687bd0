import { defaultTableSize, type Field, sizeOf, staticTable } from './table.ts'

/**
 * Fields whose value is another with nearly every request. Apple asks not to have them in its small table ("Sending
 * notification requests to APNs"): what they would push out is what repeats.
 */
const varying = new Set([
  ':path',
  'apns-id',
  'apns-expiration',
  'apns-collapse-id',
  'content-length',
  'content-encoding',
])

const staticNames = new Map(staticTable.map(([name], i) => [name, i + 1]).toReversed() as [string, number][])
/** Of fields that are in the static table as a whole, by name and value. */
const staticFields = new Map<string, Map<string, number>>()
staticTable.forEach(([name, value], i) => {
  staticFields.set(name, (staticFields.get(name) ?? new Map<string, number>()).set(value, i + 1))
})

// RFC 9113, 8.2.1.
const badName = /[^!#$%&'*+\-.^_`|~0-9a-z:]/
// oxlint-disable-next-line no-control-regex
const badValue = /[^\t\x20-\x7e\x80-\xff]/

/**
 * Writes header blocks of one connection (RFC 7541): what repeats is sent once and referred to from then on. No Huffman
 * codes: they save a fifth of the bytes of an address, and cost more than the whole of the rest.
 */
export function createHeaderEncoder() {
  /** By name and value, the field's number among all that were ever kept. */
  const kept = new Map<string, Map<string, number>>()
  const inOrder: Field[] = []
  let count = 0
  let size = 0
  let capacity = defaultTableSize
  let announced = defaultTableSize
  /** The least since then: the peer has forgotten what did not fit into it, though it may keep more by now. */
  let lowest = defaultTableSize

  function evict(room: number): void {
    while (size > room) {
      const oldest = inOrder.shift()
      if (!oldest) return
      size -= sizeOf(oldest)
      kept.get(oldest[0])?.delete(oldest[1])
    }
  }

  /** Before anything of the block is kept: the peer would not know of it. */
  function check(field: Field): void {
    const [name, value] = field
    if (kept.get(name)?.has(value)) return
    if (badName.test(name) || badValue.test(value)) throw new Error(`header field ${name} cannot be sent`)
  }

  function writeField(block: Block, field: Field): void {
    const [name, value] = field
    const known = staticFields.get(name)?.get(value)
    if (known !== undefined) return block.integer(0x80, 7, known)
    const number = kept.get(name)?.get(value)
    if (number !== undefined) return block.integer(0x80, 7, staticTable.length + count - number)
    const keeps = !varying.has(name) && sizeOf(field) <= capacity
    const nameIndex = staticNames.get(name) ?? 0
    if (keeps) block.integer(0x40, 6, nameIndex)
    else block.integer(0x00, 4, nameIndex)
    if (nameIndex === 0) block.string(name)
    block.string(value)
    if (!keeps) return
    evict(capacity - sizeOf(field))
    inOrder.push(field)
    kept.set(name, (kept.get(name) ?? new Map<string, number>()).set(value, count++))
    size += sizeOf(field)
  }

  return {
    /** The peer's SETTINGS_HEADER_TABLE_SIZE. We keep no more than the default, whatever it allows. */
    resize(to: number): void {
      capacity = Math.min(to, defaultTableSize)
      lowest = Math.min(lowest, capacity)
      evict(capacity)
    },
    /**
     * Writes the block into the buffer and gives back where it ends. The buffer must have room for `boundOf` the fields.
     * Throws on a field that may not be sent.
     */
    encode(fields: readonly Field[], buffer: Buffer, from: number): number {
      for (const field of fields) check(field)
      const block = writeBlock(buffer, from)
      // RFC 7541, 4.2.
      const hasShrunk = lowest < Math.min(announced, capacity)
      if (hasShrunk) block.integer(0x20, 5, lowest)
      if (hasShrunk || announced !== capacity) block.integer(0x20, 5, capacity)
      announced = lowest = capacity
      for (const field of fields) writeField(block, field)
      return block.at()
    },
  }
}

/** How many octets a block of these fields takes at most. */
export function boundOf(fields: readonly Field[]): number {
  let bound = 8
  for (const [name, value] of fields) bound += name.length + value.length + 12
  return bound
}

function writeBlock(buffer: Buffer, from: number) {
  let at = from

  /** RFC 7541, 5.1. */
  function integer(flags: number, prefixBits: number, value: number): void {
    const mask = 2 ** prefixBits - 1
    if (value < mask) {
      buffer[at++] = flags | value
      return
    }
    buffer[at++] = flags | mask
    let rest = value - mask
    for (; rest >= 128; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80
    buffer[at++] = rest
  }

  return {
    at: () => at,
    integer,
    string(text: string): void {
      integer(0, 7, text.length)
      at += buffer.write(text, at, 'latin1')
    },
  }
}

type Block = ReturnType<typeof writeBlock>
