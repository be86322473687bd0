import {
  allowedOrigins,
  drainWaitMs,
  host,
  httpUrl,
  httpUrls,
  internalSecret,
  logLevel,
  parseEnv,
  port,
  positiveInt,
  postgresUrl,
  redisUrl,
} from '@parley/shared/env'
import { loadTracing, tracingEnv } from '@parley/shared/tracing'
import { loadUserTokens, userTokenEnv } from '@parley/shared/user-tokens'
import { z } from 'zod'

const database = {
  DATABASE_URL: postgresUrl,
  DATABASE_POOL_SIZE: positiveInt.default(5),
}

const storage = {
  STORAGE: z.enum(['fs', 's3']).default('fs'),
  STORAGE_FS_PATH: z.string().optional(),
  /** Signs the links of `fs`; those of `s3` are signed by its own keys. */
  LINK_SECRET: z.string().min(32).optional(),
  S3_ENDPOINT: httpUrl.optional(),
  /** The store as clients reach it, where that differs from how this service does. */
  S3_PUBLIC_ENDPOINT: httpUrl.optional(),
  S3_REGION: z.string().default('us-east-1'),
  S3_BUCKET: z.string().optional(),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  S3_FORCE_PATH_STYLE: z.stringbool().default(true),
  /** Whether the store refuses a posted form that breaks its policy; several do not look at it. */
  S3_ENFORCES_POST_POLICY: z.stringbool().default(false),
}

const requiredBy = {
  fs: ['STORAGE_FS_PATH', 'LINK_SECRET'],
  s3: ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'],
} as const

/** Its host is fixed: what is filled in are numbers, and none of them stands before the path. */
const mapUrlTemplate = z
  .url({ protocol: /^https?$/ })
  .refine(
    (url) => url.includes('{latitude}') && url.includes('{longitude}'),
    'has {latitude} and {longitude}',
  )
  .refine((url) => !/^[^/]*\/\/[^/]*\{/.test(url), 'has its placeholders behind the host')

export const Env = z
  .object({
    HOST: host,
    PORT: port.default(3002),
    INTERNAL_PORT: port.default(3102),
    LOG_LEVEL: logLevel,
    ...tracingEnv,
    ...database,
    REDIS_URL: redisUrl,
    INTERNAL_SECRET: internalSecret,
    MESSAGES_URLS: httpUrls,
    AUTH_JWKS_URL: httpUrl,
    ...userTokenEnv,
    PUBLIC_URL: httpUrl.default('http://localhost:8080'),
    LINK_TTL_SECONDS: positiveInt.max(3_600).default(300),
    UPLOAD_TTL_SECONDS: positiveInt.max(86_400).default(3_600),
    MAX_UPLOAD_BYTES: positiveInt.max(5 * 1024 ** 3).default(50 * 1024 ** 2),
    MAX_IMAGE_BYTES: positiveInt.optional(),
    MAX_FILM_BYTES: positiveInt.optional(),
    MAX_SOUND_BYTES: positiveInt.optional(),
    RESUMABLE_TTL_SECONDS: positiveInt.max(7 * 86_400).default(86_400),
    USER_QUOTA_BYTES: positiveInt.default(10 * 1024 ** 3),
    MAX_PENDING_UPLOADS: positiveInt.default(20),
    UNUSED_MEDIA_HOURS: positiveInt.max(24 * 365).default(24),
    MEDIA_RETENTION_DAYS: positiveInt.max(36_500).optional(),
    MAP_URL_TEMPLATE: mapUrlTemplate.optional(),
    PROCESSING_CONCURRENCY: positiveInt.max(64).default(2),
    PROCESSING_MEMORY_MB: positiveInt.min(128).default(768),
    FFMPEG_PATH: z.string().default('ffmpeg'),
    FFPROBE_PATH: z.string().default('ffprobe'),
    CLAMAV_ADDRESS: z
      .string()
      .regex(/^[^:/]+:\d{1,5}$/, 'a host and a port, as in clamav:3310')
      .optional(),
    CLAMAV_MAX_BYTES: positiveInt.default(25 * 1024 ** 2),
    DRAIN_WAIT_MS: drainWaitMs,
    ALLOWED_ORIGINS: allowedOrigins,
    ...storage,
  })
  .superRefine(requireDriverVariables)

const MigrationEnv = z
  .object({ LOG_LEVEL: logLevel, ...database, ...storage })
  // A migration alone needs no storage; with `s3` it also makes the bucket, and so needs its address.
  .superRefine((env, ctx) => {
    if (env.STORAGE === 's3') requireDriverVariables(env, ctx)
  })

export type Config = ReturnType<typeof loadConfig>
export type StorageConfig = Config['storage']
export type S3Config = Extract<StorageConfig, { driver: 's3' }>
export type FsConfig = Extract<StorageConfig, { driver: 'fs' }>

export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(Env, env)
  return {
    http: {
      host: parsed.HOST,
      port: parsed.PORT,
      internalPort: parsed.INTERNAL_PORT,
      drainWaitMs: parsed.DRAIN_WAIT_MS,
      allowedOrigins: parsed.ALLOWED_ORIGINS,
    },
    log: { level: parsed.LOG_LEVEL },
    tracing: loadTracing(parsed),
    database: databaseOf(parsed),
    redis: { url: parsed.REDIS_URL },
    internalSecret: parsed.INTERNAL_SECRET,
    messagesUrls: parsed.MESSAGES_URLS,
    jwksUrl: parsed.AUTH_JWKS_URL,
    userTokens: loadUserTokens(parsed),
    storage: parsed.STORAGE === 'fs' ? fsOf(parsed) : s3Of(parsed),
    uploads: {
      ttlSeconds: parsed.UPLOAD_TTL_SECONDS,
      maxBytes: parsed.MAX_UPLOAD_BYTES,
      maxImageBytes: parsed.MAX_IMAGE_BYTES,
      maxFilmBytes: parsed.MAX_FILM_BYTES,
      maxSoundBytes: parsed.MAX_SOUND_BYTES,
      /** Of uploads in parts, and of those that are taken up again. */
      resumableTtlSeconds: parsed.RESUMABLE_TTL_SECONDS,
      maxPending: parsed.MAX_PENDING_UPLOADS,
      quotaBytes: parsed.USER_QUOTA_BYTES,
    },
    linkTtlSeconds: parsed.LINK_TTL_SECONDS,
    collection: {
      /** How long media is kept that nothing refers to; far longer than storing a reference to it takes. */
      graceMs: parsed.UNUSED_MEDIA_HOURS * 3_600_000,
      /** How often media that is needed is looked at again. */
      againMs: 24 * 3_600_000,
      retentionMs:
        parsed.MEDIA_RETENTION_DAYS === undefined ? undefined : parsed.MEDIA_RETENTION_DAYS * 86_400_000,
    },
    mapUrlTemplate: parsed.MAP_URL_TEMPLATE,
    processing: {
      concurrency: parsed.PROCESSING_CONCURRENCY,
      /** For an image. */
      timeLimitMs: 30_000,
      /** For each run of ffmpeg. */
      filmTimeLimitMs: 120_000,
      memoryLimitBytes: parsed.PROCESSING_MEMORY_MB * 1024 ** 2,
    },
    ffmpeg: { ffmpegPath: parsed.FFMPEG_PATH, ffprobePath: parsed.FFPROBE_PATH },
    clamav:
      parsed.CLAMAV_ADDRESS === undefined
        ? undefined
        : clamavAt(parsed.CLAMAV_ADDRESS, parsed.CLAMAV_MAX_BYTES),
    sweep: { everyMs: 30_000, requeueAfterMs: 60_000 },
  }
}

export function loadMigrationConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(MigrationEnv, env)
  return {
    log: { level: parsed.LOG_LEVEL },
    database: databaseOf(parsed),
    bucket: parsed.STORAGE === 's3' ? s3Of(parsed) : undefined,
  }
}

function clamavAt(address: string, maxBytes: number) {
  const [host = '', port] = address.split(':')
  return { host, port: Number(port), timeLimitMs: 60_000, maxBytes }
}

type StorageEnv = z.output<z.ZodObject<typeof storage>>

function databaseOf(env: z.output<z.ZodObject<typeof database>>) {
  return { url: env.DATABASE_URL, poolSize: env.DATABASE_POOL_SIZE, schema: 'media' }
}

function fsOf(env: StorageEnv & { PUBLIC_URL: string }) {
  return {
    driver: 'fs' as const,
    path: present(env.STORAGE_FS_PATH),
    linkSecret: present(env.LINK_SECRET),
    publicUrl: env.PUBLIC_URL,
  }
}

function s3Of(env: StorageEnv) {
  const endpoint = present(env.S3_ENDPOINT)
  return {
    driver: 's3' as const,
    endpoint,
    publicEndpoint: env.S3_PUBLIC_ENDPOINT ?? endpoint,
    region: env.S3_REGION,
    bucket: present(env.S3_BUCKET),
    accessKeyId: present(env.S3_ACCESS_KEY_ID),
    secretAccessKey: present(env.S3_SECRET_ACCESS_KEY),
    forcePathStyle: env.S3_FORCE_PATH_STYLE,
    enforcesPostPolicy: env.S3_ENFORCES_POST_POLICY,
  }
}

function requireDriverVariables(env: StorageEnv, ctx: z.RefinementCtx): void {
  for (const name of requiredBy[env.STORAGE]) {
    if (env[name]) continue
    ctx.addIssue({ code: 'custom', path: [name], message: `required with STORAGE=${env.STORAGE}` })
  }
}

/** The refinement above has already refused what is absent; the type does not know it. */
function present(value: string | undefined): string {
  return value ?? ''
}
