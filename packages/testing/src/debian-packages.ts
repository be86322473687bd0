import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

interface Need {
  /** All of them answer to `--version` or `-version`. */
  binaries: string[]
  packages: string[]
  /** What to tell whoever has neither them nor the right to install them. */
  missing: string
}

/** Real programs for tests: those on the PATH, else Debian's packages, installed where this process may. */
export async function needDebian({ binaries, packages, missing }: Need): Promise<void> {
  if (await areThere(binaries)) return
  if (process.getuid?.() !== 0) throw new Error(missing)
  // Debian's packages would start daemons of their own; in runlevel 1 they do not.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...packages]
  try {
    await run('apt-get', ['update', '-qq'], { env, timeout: 120_000 })
    await run('apt-get', install, { env, timeout: 600_000 })
  } catch (cause) {
    throw new Error(missing, { cause })
  }
  if (!(await areThere(binaries))) throw new Error(missing)
}

async function areThere(binaries: string[]): Promise<boolean> {
  const answers = await Promise.all(
    binaries.map((binary) =>
      run(binary, ['--version']).catch(() => run(binary, ['-version']).catch(() => undefined)),
    ),
  )
  return answers.every((answer) => answer !== undefined)
}
