import { randomBytes } from 'node:crypto'
import { startCephGateway } from './ceph-gateway.ts'
import { chooseServers, prepareContainers, type ServerChoice } from './server-choice.ts'

export interface ObjectStore extends AsyncDisposable {
  endpoint: string
  accessKeyId: string
  secretAccessKey: string
  choice: ServerChoice
}

const image = 'versity/versitygw:v1.7.0'
const port = 7070

/**
 * An S3-compatible server without a bucket: the one at TEST_S3_URL, else a container, else Ceph's gateway as
 * processes of this machine. Which one is told on standard error.
 */
export async function startObjectStore(env: NodeJS.ProcessEnv = process.env): Promise<ObjectStore> {
  const store = givenStore(env) ?? (await startOwn(env))
  process.stderr.write(`test servers: S3 ${wording[store.choice]} at ${new URL(store.endpoint).host}\n`)
  return store
}

const wording: Record<ServerChoice, string> = {
  yours: 'as given by the environment',
  container: `(${image}) in a container`,
  process: '(Ceph RGW) as processes',
}

function givenStore(env: NodeJS.ProcessEnv): ObjectStore | undefined {
  const endpoint = env['TEST_S3_URL']
  if (!endpoint) return undefined
  const [accessKeyId, secretAccessKey] = [env['TEST_S3_ACCESS_KEY_ID'], env['TEST_S3_SECRET_ACCESS_KEY']]
  if (!accessKeyId || !secretAccessKey) {
    throw new Error('TEST_S3_URL needs TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY beside it')
  }
  return { endpoint, accessKeyId, secretAccessKey, choice: 'yours', async [Symbol.asyncDispose]() {} }
}

async function startOwn(env: NodeJS.ProcessEnv): Promise<ObjectStore> {
  if ((await chooseServers(env)) === 'processes') return startProcesses()
  try {
    return await startContainer()
  } catch (cause) {
    // An engine that has the other images may be without this one and without a way to its registry.
    const reason = cause instanceof Error ? cause.message : String(cause)
    process.stderr.write(`test servers: no container of ${image} (${reason.split('\n')[0]})\n`)
    return startProcesses()
  }
}

async function startContainer(): Promise<ObjectStore> {
  await prepareContainers()
  const { GenericContainer, Wait } = await import('testcontainers')
  const { accessKeyId, secretAccessKey } = newKeys()
  const container = await new GenericContainer(image)
    .withEnvironment({ ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey })
    .withCommand(['posix', '/data'])
    .withTmpFs({ '/data': 'rw' })
    .withExposedPorts(port)
    // Any answer will do: some servers show a stranger an empty list and some refuse him.
    .withWaitStrategy(Wait.forHttp('/', port).forStatusCodeMatching(() => true))
    .withStartupTimeout(120_000)
    .start()
  return {
    endpoint: `http://${container.getHost()}:${container.getMappedPort(port)}`,
    accessKeyId,
    secretAccessKey,
    choice: 'container',
    async [Symbol.asyncDispose]() {
      await container.stop()
    },
  }
}

async function startProcesses(): Promise<ObjectStore> {
  const keys = newKeys()
  const gateway = await startCephGateway(keys)
  return {
    ...keys,
    endpoint: gateway.endpoint,
    choice: 'process',
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  }
}

function newKeys() {
  return { accessKeyId: randomBytes(8).toString('hex'), secretAccessKey: randomBytes(20).toString('hex') }
}
