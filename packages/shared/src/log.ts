import { type Logger, pino } from 'pino'

export type { Logger }

/** The process's logger. Secrets are cut out here and nowhere else. */
export function createLogger(service: string, options: { level: string }): Logger {
  return pino({
    level: options.level,
    base: { service },
    redact: [
      'req.headers.authorization',
      'req.headers.cookie',
      '*.token',
      '*.accessToken',
      '*.refreshToken',
      '*.password',
    ],
    // A link may carry a signature; what follows the path stays out of the log.
    serializers: {
      req: (req: { method: string; url: string }) => ({ method: req.method, path: req.url.split('?')[0] }),
    },
  })
}
