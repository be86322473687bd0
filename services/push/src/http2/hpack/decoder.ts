import { decodeHuffman } from './huffman.ts'
import { defaultTableSize, type Field, sizeOf, staticTable } from './table.ts'

/** Of all header fields of one answer together. */
const maxListSize = 16 * 1024

/**
 * Reads header blocks of one connection (RFC 7541), each of which may refer to those before it. Throws on what breaks
 * the rules or the bound; nothing that follows can be read then, and the connection has to go.
 */
export function createHeaderDecoder() {
  /** The newest first. */
  const dynamic: Field[] = []
  let size = 0
  let capacity = defaultTableSize

  function evict(room: number): void {
    while (size > room) {
      const oldest = dynamic.pop()
      if (!oldest) return
      size -= sizeOf(oldest)
    }
  }

  function remember(field: Field): void {
    evict(capacity - sizeOf(field))
    if (sizeOf(field) > capacity) return
    dynamic.unshift(field)
    size += sizeOf(field)
  }

  function lookUp(index: number): Field {
    const field = staticTable[index - 1] ?? dynamic[index - 1 - staticTable.length]
    if (!field) throw new Error(`no header field has index ${index}`)
    return field
  }

  return function decode(block: Buffer): Field[] {
    const reader = readBlock(block)
    const fields: Field[] = []
    let listSize = 0
    while (!reader.isAtEnd()) {
      const first = reader.peek()
      let field: Field
      if (first & 0x80) field = lookUp(reader.integer(7))
      else if ((first & 0xe0) === 0x20) {
        if (fields.length > 0) throw new Error('a table is resized within a header block')
        capacity = reader.integer(5)
        if (capacity > defaultTableSize) throw new Error('a table is larger than was allowed')
        evict(capacity)
        continue
      } else {
        const indexed = (first & 0x40) !== 0
        const nameIndex = reader.integer(indexed ? 6 : 4)
        const name = nameIndex === 0 ? reader.string() : lookUp(nameIndex)[0]
        field = [name, reader.string()]
        if (indexed) remember(field)
      }
      listSize += sizeOf(field)
      if (listSize > maxListSize) throw new Error('the header fields of an answer are too large')
      fields.push(field)
    }
    return fields
  }
}

function readBlock(block: Buffer) {
  let at = 0

  function octet(): number {
    const value = block[at++]
    if (value === undefined) throw new Error('a header block ends too early')
    return value
  }

  /** RFC 7541, 5.1. */
  function integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1
    let value = octet() & mask
    if (value < mask) return value
    // Four octets more are as much as any length or index of ours may need.
    for (let shift = 0; shift < 28; shift += 7) {
      const next = octet()
      value += (next & 0x7f) * 2 ** shift
      if ((next & 0x80) === 0) return value
    }
    throw new Error('an integer in a header block is too large')
  }

  return {
    isAtEnd: () => at >= block.length,
    peek: () => block[at] ?? 0,
    integer,
    /** RFC 7541, 5.2. */
    string(): string {
      const isHuffman = ((block[at] ?? 0) & 0x80) !== 0
      const length = integer(7)
      const from = at
      at += length
      if (at > block.length) throw new Error('a header block ends too early')
      return isHuffman ? decodeHuffman(block, from, at) : block.toString('latin1', from, at)
    },
  }
}
