/** The same link with its last letter changed, and with another object or end in it. */
export function* alterations(url: string): Generator<string> {
  yield url.slice(0, -1) + (url.endsWith('A') || url.endsWith('0') ? '1' : '0')
  const changed = new URL(url)
  const link = changed.searchParams.get('link')
  if (link) {
    const [text = '', signature] = link.split('.')
    const terms = JSON.parse(Buffer.from(text, 'base64url').toString()) as { expires: number }
    const longer = Buffer.from(JSON.stringify({ ...terms, expires: terms.expires + 600 })).toString(
      'base64url',
    )
    changed.searchParams.set('link', `${longer}.${signature}`)
    yield changed.href
    changed.searchParams.set('link', 'nonsense')
    yield changed.href
    return
  }
  changed.searchParams.set('X-Amz-Expires', '604800')
  yield changed.href
}
