import { AppError, type ErrorCode } from '@parley/shared/errors'
import { storageUnavailable } from '../../errors.ts'

/** What went wrong in the protocol or its store, with a code of ours. What is not the client's fault may be tried again. */
export function tusError(cause: unknown): AppError {
  if (cause instanceof AppError) return cause
  const { status_code: status, body } = cause as { status_code?: number; body?: string }
  if (status === undefined || (status >= 500 && status !== 501)) return storageUnavailable(cause)
  return new AppError(codes[status] ?? 'invalid_request', (body ?? '').trim(), { cause })
}

const codes: Partial<Record<number, ErrorCode>> = {
  404: 'not_found',
  409: 'conflict',
  410: 'not_found',
  413: 'too_large',
}
