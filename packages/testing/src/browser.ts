import { type Browser, chromium } from 'playwright-core'
import { needDebian } from './debian-packages.ts'

const packages = ['chromium']
const missing = `a browser is needed; on Debian: apt-get install --no-install-recommends ${packages.join(' ')}`

/** Debian's own chromium, without a window. Nothing is downloaded for it. */
export async function startBrowser(): Promise<Browser> {
  await needDebian({ binaries: ['chromium'], packages, missing })
  // Its sandbox cannot be made by root, and in few containers by anybody; it meets our own pages alone.
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
}
