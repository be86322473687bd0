import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type ApnsSimulator, startApnsSimulator } from './apns-simulator.ts'
import { createCertificate } from './certificates.ts'
import { type FcmSimulator, startFcmSimulator } from './fcm-simulator.ts'
import { type HuaweiSimulator, startHuaweiSimulator } from './huawei-simulator.ts'
import { startPushInspector } from './push-simulator-inspector.ts'
import { makeTemporaryDir } from './temporary-dir.ts'
import { startWebPushSimulator, type WebPushSimulator } from './webpush-simulator.ts'

interface PushSimulatorsOptions {
  inspectorPort?: number
  /** Under which other machines find the simulators; without it they are on loopback alone. */
  name?: string
  apnsPort?: number
  fcmPort?: number
  webPushPort?: number
  huaweiPort?: number
  /** Where credentials are written, readable by their owner only; without it they are in the variables themselves. */
  stateDir?: string
  /** The topic of tokens that name none. */
  topic?: string
}

export interface PushSimulators extends AsyncDisposable {
  /** What points services/push at them. */
  env: Record<string, string>
  inspectorUrl: string
  apns: ApnsSimulator
  fcm: FcmSimulator
  webPush: WebPushSimulator
  huawei: HuaweiSimulator
  /** Where the files of credentials are; more of them may be put there. */
  credentialsDir: string
}

/** All providers on this machine, credentials they accept, and a page that shows what they received. */
export async function startPushSimulators({
  inspectorPort = 0,
  name,
  apnsPort = 0,
  fcmPort = 0,
  webPushPort = 0,
  huaweiPort = 0,
  stateDir,
  topic = 'dev.parley.app',
}: PushSimulatorsOptions = {}): Promise<PushSimulators> {
  await using opened = new AsyncDisposableStack()
  const certificate = await createCertificate(name)
  const named = name ? { name } : {}
  const apns = opened.use(await startApnsSimulator({ certificate, port: apnsPort, ...named }))
  const fcm = opened.use(await startFcmSimulator({ certificate, port: fcmPort, ...named }))
  const webPush = opened.use(await startWebPushSimulator({ certificate, port: webPushPort, ...named }))
  const huawei = opened.use(await startHuaweiSimulator({ certificate, port: huaweiPort, ...named }))
  const inspector = opened.use(
    await startPushInspector({
      sources: [apns, fcm, webPush, huawei],
      port: inspectorPort,
      ...(name ? { host: '0.0.0.0' } : {}),
    }),
  )
  const credentialsDir = stateDir
    ? path.join(stateDir, 'credentials')
    : opened.use(await makeTemporaryDir('parley-push')).path
  await writeCredentials(credentialsDir, { webpush: webPush.credentials, huawei: huawei.credentials })

  const secrets = {
    APNS_CA: certificate.ca,
    APNS_PRIVATE_KEY: apns.credentials.privateKey,
    FCM_CA: certificate.ca,
    FCM_SERVICE_ACCOUNT: JSON.stringify(fcm.serviceAccount),
  }
  const env = {
    APNS_PRODUCTION_URL: apns.url,
    APNS_SANDBOX_URL: apns.url,
    APNS_TEAM_ID: apns.credentials.teamId,
    APNS_KEY_ID: apns.credentials.keyId,
    APNS_TOPIC: topic,
    FCM_URL: fcm.url,
    PUSH_CREDENTIALS_DIR: credentialsDir,
    ...(stateDir ? await writeSecrets(secrets, stateDir) : secrets),
  }

  const owned = opened.move()
  return {
    env,
    inspectorUrl: inspector.url,
    apns,
    fcm,
    webPush,
    huawei,
    credentialsDir,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function writeCredentials(folder: string, sets: Record<string, object>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const [name, set] of Object.entries(sets)) {
    await writeFile(path.join(folder, `${name}.json`), JSON.stringify(set, null, 2), { mode: 0o600 })
  }
}

/** Each secret in a file of its own, named by the variable `X_FILE`. */
async function writeSecrets(
  secrets: Record<string, string>,
  stateDir: string,
): Promise<Record<string, string>> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const written = await Promise.all(
    Object.entries(secrets).map(async ([name, value]) => {
      const file = path.join(stateDir, name.toLowerCase().replaceAll('_', '-'))
      await writeFile(file, value, { mode: 0o600 })
      return [`${name}_FILE`, file] as const
    }),
  )
  return Object.fromEntries(written)
}
