import { parseJson } from './push-simulator-log.ts'

export interface FcmRefusal {
  status: number
  canonical: string
  message: string
  errorCode?: string
  /** The field an INVALID_ARGUMENT is about. */
  field?: string
}

interface Message {
  token?: unknown
  fid?: unknown
  notification?: unknown
  data?: unknown
  android?: { priority?: unknown; ttl?: unknown; collapse_key?: unknown }
}

const reserved = /^(from|message_type|google\..*|gcm\.notification\..*)$/

/** A send request as FCM checks it (REST reference of `projects.messages`). */
export function checkMessage(body: string): FcmRefusal | { target: string } {
  const message = (parseJson(body) as { message?: Message } | undefined)?.message
  if (typeof message !== 'object' || message === null) return invalid('message', 'message is required')
  const { token, fid, data, android, notification } = message
  const target = token ?? fid
  if (typeof target !== 'string' || target === '' || (token !== undefined && fid !== undefined)) {
    return invalid('message', 'Recipient of the message is not set, or there is more than one.')
  }
  if (!/^[A-Za-z0-9_:-]{8,512}$/.test(target)) {
    return invalid(
      'message.token',
      'The registration token is not a valid FCM registration token',
      'INVALID_ARGUMENT',
    )
  }
  if (data !== undefined) {
    if (typeof data !== 'object' || data === null) return invalid('message.data', 'not a map')
    for (const [key, value] of Object.entries(data)) {
      if (typeof value !== 'string') return invalid(`message.data[${key}]`, 'a value must be a string')
      if (reserved.test(key)) return invalid(`message.data[${key}]`, 'a reserved key')
    }
  }
  if (android) {
    const { priority = 'NORMAL', ttl = '0s' } = android
    if (priority !== 'NORMAL' && priority !== 'HIGH')
      return invalid('message.android.priority', 'no such value')
    if (typeof ttl !== 'string' || !/^\d+(\.\d{1,9})?s$/.test(ttl) || Number.parseFloat(ttl) > 2_419_200) {
      return invalid('message.android.ttl', 'not a duration of at most four weeks')
    }
  }
  if (Buffer.byteLength(JSON.stringify({ notification, data })) > 4_096) {
    return invalid('message', 'Message is too big', 'INVALID_ARGUMENT')
  }
  return { target }
}

/** The body of an error, with the details in the shape that tells FCM's own codes apart. */
export function errorBody({ status, canonical, message, errorCode, field }: FcmRefusal): string {
  const fcm = 'type.googleapis.com/google.firebase.fcm.v1.FcmError'
  const badRequest = 'type.googleapis.com/google.rpc.BadRequest'
  const details = [
    ...(errorCode ? [{ '@type': fcm, errorCode }] : []),
    ...(field ? [{ '@type': badRequest, fieldViolations: [{ field, description: message }] }] : []),
  ]
  return JSON.stringify({ error: { code: status, message, status: canonical, details } })
}

function invalid(field: string, message: string, errorCode?: string): FcmRefusal {
  return {
    status: 400,
    canonical: 'INVALID_ARGUMENT',
    message,
    field,
    ...(errorCode ? { errorCode } : {}),
  }
}
