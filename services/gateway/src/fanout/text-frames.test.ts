import { expect, test } from 'vitest'
import { textFrames } from './text-frames.ts'

test.for([
  [0, [0x81, 0]],
  [125, [0x81, 125]],
  [126, [0x81, 126, 0, 126]],
  [65_535, [0x81, 126, 0xff, 0xff]],
  [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
] as const)('a payload of %i bytes has the header of RFC 6455', ([length, header]) => {
  const frame = textFrames([Buffer.alloc(length, 'x')])
  expect([...frame.subarray(0, header.length)]).toEqual(header)
  expect(frame.length).toBe(header.length + length)
  expect(frame.subarray(header.length).every((byte) => byte === 0x78)).toBe(true)
})
