/** Every failure a client may see, with its HTTP status. The code is the contract; the message is for people. */
export const catalogue = {
  invalid_request: { status: 400, retryable: false },
  payload_too_deep: { status: 400, retryable: false },
  ack_required: { status: 400, retryable: false },
  unauthenticated: { status: 401, retryable: false },
  token_expired: { status: 401, retryable: false },
  session_replaced: { status: 401, retryable: false },
  account_suspended: { status: 403, retryable: false },
  forbidden: { status: 403, retryable: false },
  /** The operator's own check of messages said no; the message says why, if it does. */
  vetoed: { status: 403, retryable: false },
  not_found: { status: 404, retryable: false },
  unknown_event: { status: 404, retryable: false },
  conflict: { status: 409, retryable: false },
  too_large: { status: 413, retryable: false },
  unsupported_media: { status: 415, retryable: false },
  rate_limited: { status: 429, retryable: true },
  internal: { status: 500, retryable: true },
  unavailable: { status: 503, retryable: true },
  overloaded: { status: 503, retryable: true },
  draining: { status: 503, retryable: true },
  deadline_exceeded: { status: 504, retryable: true },
} as const

export type ErrorCode = keyof typeof catalogue

export interface ErrorBody {
  code: ErrorCode
  message: string
  /** Whether the same request may succeed if it is sent again as it is. */
  retryable: boolean
  retryAfterMs?: number
}

/** What our own services tell each other. */
export interface InternalErrorBody extends ErrorBody {
  /** Every instance would answer the same: the one that did is not away, and no other needs to be asked. */
  everywhere?: boolean
}

interface AppErrorOptions extends ErrorOptions {
  retryAfterMs?: number
  everywhere?: boolean
}

export class AppError extends Error {
  override name = 'AppError'
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined
  readonly everywhere: boolean

  constructor(code: ErrorCode, message: string, options?: AppErrorOptions) {
    super(message, options)
    this.code = code
    this.retryAfterMs = options?.retryAfterMs
    this.everywhere = options?.everywhere ?? false
  }

  get status(): number {
    return catalogue[this.code].status
  }

  /** What leaves our services. Internal details stay in the log. */
  toJSON(): ErrorBody {
    return {
      code: this.code,
      message: this.code === 'internal' ? 'internal error' : this.message,
      retryable: catalogue[this.code].retryable,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    }
  }

  toInternal(): InternalErrorBody {
    return { ...this.toJSON(), ...(this.everywhere && { everywhere: true }) }
  }

  static from(cause: unknown): AppError {
    return cause instanceof AppError ? cause : new AppError('internal', 'unexpected failure', { cause })
  }

  /** The error another of our services answered with. */
  static fromBody({ code, message, retryAfterMs, everywhere = false }: InternalErrorBody): AppError {
    const options = { everywhere, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
    return new AppError(code in catalogue ? code : 'internal', message, options)
  }
}
