import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

/** What a link of the `fs` driver allows. All of it is under the signature. */
const Terms = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('PUT'),
    key: z.string(),
    contentType: z.string(),
    sizeBytes: z.int(),
    /** Seconds since 1970. */
    expires: z.int(),
  }),
  z.strictObject({
    method: z.literal('GET'),
    key: z.string(),
    contentType: z.string(),
    disposition: z.string(),
    expires: z.int(),
  }),
])
export type LinkTerms = z.output<typeof Terms>
type TermsOf<Method extends LinkTerms['method']> = Extract<LinkTerms, { method: Method }>

/** `<terms>.<signature>`, both base64url; the signature is HMAC-SHA256 over the first part as it stands. */
export function signLink(terms: LinkTerms, secret: string): string {
  const text = Buffer.from(JSON.stringify(terms)).toString('base64url')
  return `${text}.${signatureOf(text, secret)}`
}

/** The terms of a link made here that has not ended, for this method; undefined for anything else. */
export function readLink<Method extends LinkTerms['method']>(
  link: string,
  method: Method,
  secret: string,
  now = Date.now(),
): TermsOf<Method> | undefined {
  const [text, signature, ...rest] = link.split('.')
  if (!text || !signature || rest.length > 0) return undefined
  // As text: several texts decode to the same bytes, and only one of them was signed.
  const [given, right] = [Buffer.from(signature), Buffer.from(signatureOf(text, secret))]
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined
  const terms = Terms.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
  if (terms.method !== method || terms.expires * 1_000 <= now) return undefined
  return terms as TermsOf<Method>
}

function signatureOf(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url')
}
