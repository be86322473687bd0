import { getContainerRuntimeClient, ImageName } from 'testcontainers'

/** Where a server came from: an address given, a container, or a process of this machine. */
export type ServerChoice = 'yours' | 'container' | 'process'

const testImages = ['postgres:18', 'redis:8']
// The one that testcontainers 12.2 starts to clean up behind a run that was killed.
const reaperImage = 'testcontainers/ryuk:0.14.0'

/**
 * Containers where a Docker engine answers and has or can pull the images, processes elsewhere.
 * PARLEY_TEST_SERVERS=containers|processes decides instead.
 */
export async function chooseServers(
  env: NodeJS.ProcessEnv = process.env,
): Promise<'containers' | 'processes'> {
  const forced = env['PARLEY_TEST_SERVERS']
  if (forced === 'containers' || forced === 'processes') return forced
  if (forced) throw new Error('PARLEY_TEST_SERVERS is containers or processes')
  for (const image of testImages) if (!(await isAvailable(image))) return 'processes'
  return 'containers'
}

/** To be called before a container is started: without its reaper testcontainers starts none. */
export async function prepareContainers(): Promise<void> {
  if (process.env['TESTCONTAINERS_RYUK_DISABLED'] !== undefined) return
  const reaper = process.env['RYUK_CONTAINER_IMAGE'] ?? reaperImage
  if (!(await isAvailable(reaper))) process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
}

const pullDeadlineMs = 120_000

async function isAvailable(name: string): Promise<boolean> {
  const image = ImageName.fromString(name)
  try {
    const engine = await getContainerRuntimeClient()
    if (await engine.image.exists(image)) return true
    const deadline = new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error(`pulling ${name} takes too long`)), pullDeadlineMs).unref()
    })
    await Promise.race([engine.image.pull(image), deadline])
    return true
  } catch {
    // No engine, no way to the registry, no such image: each means that this machine has no containers for us.
    return false
  }
}
