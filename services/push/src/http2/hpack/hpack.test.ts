import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHeaderDecoder } from './decoder.ts'
import { boundOf, createHeaderEncoder } from './encoder.ts'
import type { Field } from './table.ts'

const octets = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

describe('a header block', () => {
  test('is read as RFC 7541 shows it: Huffman codes, fields that are kept, and fields pushed out (C.6)', () => {
    const decode = createHeaderDecoder()
    // C.6 keeps 256 octets; a block may begin by saying so.
    const first =
      '3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3'
    expect(decode(octets(first))).toEqual([
      [':status', '302'],
      ['cache-control', 'private'],
      ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
      ['location', 'https://www.example.com'],
    ])
    expect(decode(octets('4883 640e ffc1 c0bf'))).toEqual([
      [':status', '307'],
      ['cache-control', 'private'],
      ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
      ['location', 'https://www.example.com'],
    ])
    const third =
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07'
    expect(decode(octets(third))).toEqual([
      [':status', '200'],
      ['cache-control', 'private'],
      ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
      ['location', 'https://www.example.com'],
      ['content-encoding', 'gzip'],
      ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
    ])
  })

  test('comes out as it went in, block after block, whatever the peer lets us keep', () => {
    const name = fc.stringMatching(/^[a-z0-9-]{1,20}$/)
    const value = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,200}$/)
    const field = fc.tuple(
      fc.oneof(name, fc.constantFrom('authorization', 'apns-id', ':path', 'apns-topic')),
      fc.oneof(value, fc.constantFrom('one', 'two')),
    )
    const step = fc.oneof({ weight: 1, arbitrary: fc.nat(5_000) }, { weight: 5, arbitrary: fc.array(field) })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const encoder = createHeaderEncoder()
        const decode = createHeaderDecoder()
        const came = steps.map((it) => {
          if (typeof it !== 'number') return decode(encode(encoder, it))
          encoder.resize(it)
          return it
        })
        expect(came).toEqual(steps)
      }),
    )
  })

  test('names what repeats by its index, and keeps out of the table what does not', () => {
    const encoder = createHeaderEncoder()
    const fields = (id: string): Field[] => [
      [':method', 'POST'],
      [':path', `/3/device/${id}`],
      ['authorization', `bearer ${'x'.repeat(200)}`],
      ['apns-id', id],
    ]
    encode(encoder, fields('a'))
    const [method, ...rest] = encode(encoder, fields('b'))
    expect(method).toBe(0x83)
    // Literal without indexing for the path; the first entry of the dynamic table; a literal again.
    expect(Buffer.from(rest).toString('latin1')).toBe('\x04\x0b/3/device/b\xbe\x00\x07apns-id\x01b')
  })

  test('begins with the least and the last size of a table that was resized twice', () => {
    const encoder = createHeaderEncoder()
    const decode = createHeaderDecoder()
    const fields: Field[] = [['apns-topic', 'app']]
    decode(encode(encoder, fields))
    encoder.resize(100)
    encoder.resize(0)
    encoder.resize(4_096)
    const block = encode(encoder, fields)
    expect(block.subarray(0, 4).toString('hex')).toBe('203fe11f')
    expect(decode(block)).toEqual(fields)
    // Said once, and what was kept before is not referred to.
    expect(encode(encoder, fields).toString('hex')).toBe('be')
    encoder.resize(1_000)
    encoder.resize(2_000)
    encoder.resize(1_000)
    expect(encode(encoder, fields).toString('hex')).toBe('3fc907be')
  })

  test('that may not be sent leaves those after it readable', () => {
    const encoder = createHeaderEncoder()
    const decode = createHeaderDecoder()
    const bad: Field[] = [
      ['apns-topic', 'app'],
      ['authorization', 'bearer a\r\nhost: b'],
    ]
    expect(() => encode(encoder, bad)).toThrow('authorization cannot be sent')
    expect(() => encode(encoder, [['Bad Name', '']])).toThrow('cannot be sent')
    const good: Field[] = [['apns-topic', 'app']]
    expect(decode(encode(encoder, good))).toEqual(good)
    expect(decode(encode(encoder, good))).toEqual(good)
  })

  test.for([
    ['an index of nothing', 'be', 'no header field'],
    ['index 0', '80', 'no header field'],
    ['a string that is longer than the block', '4005 6162', 'ends too early'],
    ['an integer without an end', 'ff80 8080 8080 8080 80', 'too large'],
    ['a table larger than allowed', '3fe2 ff03', 'larger than was allowed'],
    ['a resize after a field', '8820', 'resized within'],
    ['a Huffman code for the end of string', '4084 ffff ffff 00', 'code for its end'],
    ['padding that is too long', '4082 1fff 00', 'wrong padding'],
    ['padding of zeros', '4081 1800', 'wrong padding'],
    ['a list beyond its bound', `40 01 61 7f b916 ${'61'.repeat(3_000)} ${'be'.repeat(5)}`, 'too large'],
  ])('with %s is refused', ([, hex = '', reason]) => {
    expect(() => createHeaderDecoder()(octets(hex))).toThrow(reason)
  })

  test('of any octets is read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(readOrRefusal(Buffer.from(bytes))).toEqual(expect.any(String))
      }),
      { numRuns: 5_000 },
    )
  })
})

function encode(encoder: ReturnType<typeof createHeaderEncoder>, fields: readonly Field[]): Buffer {
  const buffer = Buffer.alloc(boundOf(fields))
  return buffer.subarray(0, encoder.encode(fields, buffer, 0))
}

/** Errors of another class are ours, not the peer's. */
function readOrRefusal(bytes: Buffer): string | Error {
  try {
    return createHeaderDecoder()(bytes).flat().join('')
  } catch (err) {
    const refused = err instanceof Error && err.constructor === Error
    return refused ? err.message : new Error('not a refusal', { cause: err })
  }
}
