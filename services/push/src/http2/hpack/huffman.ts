/** Bits of the code of each octet and of the end of string (RFC 7541, appendix B). The codes follow from them. */
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
]
const endOfString = 256
const longestPadding = 7

/** Two children for each inner node; a leaf is its symbol, bit-inverted. */
const tree = plant()

function plant(): Int16Array {
  const nodes = new Int16Array(2 * lengths.length)
  const inOrder = lengths.map((_, symbol) => symbol).toSorted((a, b) => lengthOf(a) - lengthOf(b) || a - b)
  let size = 1
  let code = -1
  let width = 0
  for (const symbol of inOrder) {
    const length = lengthOf(symbol)
    code = (code + 1) * 2 ** (length - width)
    width = length
    let node = 0
    for (let bit = length - 1; bit > 0; bit--) {
      const child = 2 * node + ((code >>> bit) & 1)
      if (nodes[child] === 0) nodes[child] = size++
      node = nodes[child] ?? 0
    }
    nodes[2 * node + (code & 1)] = ~symbol
  }
  return nodes
}

function lengthOf(symbol: number): number {
  return lengths[symbol] ?? 0
}

/**
 * The octets that `from`..`to` of the buffer stand for, as latin1. Throws on a code for the end of string and on padding
 * that is too long or not of ones (RFC 7541, 5.2).
 */
export function decodeHuffman(buffer: Buffer, from: number, to: number): string {
  let text = ''
  let node = 0
  let pending = 0
  let allOnes = true
  for (let at = from; at < to; at++) {
    const octet = buffer[at] ?? 0
    for (let bit = 7; bit >= 0; bit--) {
      const taken = (octet >>> bit) & 1
      pending++
      allOnes &&= taken === 1
      node = tree[2 * node + taken] ?? 0
      if (node > 0) continue
      const symbol = ~node
      if (symbol === endOfString) throw new Error('a string holds the code for its end')
      text += String.fromCharCode(symbol)
      node = 0
      pending = 0
      allOnes = true
    }
  }
  if (pending > longestPadding || !allOnes) throw new Error('a string has the wrong padding')
  return text
}
