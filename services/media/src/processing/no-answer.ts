/** What reads files gave no answer: it crashed, or was ended because its time was up or its memory full. */
export class NoAnswer extends Error {
  override name = 'NoAnswer'
}
