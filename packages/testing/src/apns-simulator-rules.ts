import type { IncomingHttpHeaders } from 'node:http2'
import { parseJson } from './push-simulator-log.ts'

export interface ApnsRefusal {
  status: number
  reason: string
  timestamp?: number
}

const pushTypes = new Set([
  'alert',
  'background',
  'voip',
  'complication',
  'fileprovider',
  'mdm',
  'location',
  'liveactivity',
  'pushtotalk',
  'widgets',
])
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The headers as Apple checks them ("Sending notification requests to APNs", request headers). */
export function checkHeaders(headers: IncomingHttpHeaders): ApnsRefusal | undefined {
  const header = (name: string) => headers[name]?.toString()
  const pushType = header('apns-push-type')
  const priority = header('apns-priority') ?? '10'
  const topic = header('apns-topic')
  if (header('apns-id') !== undefined && !uuid.test(header('apns-id') ?? '')) return bad('BadMessageId')
  if (pushType === undefined || !pushTypes.has(pushType)) return bad('InvalidPushType')
  if (!['1', '5', '10'].includes(priority)) return bad('BadPriority')
  if (pushType === 'background' && priority !== '5') return bad('BadPriority')
  if (!/^\d{1,12}$/.test(header('apns-expiration') ?? '0')) return bad('BadExpirationDate')
  if (Buffer.byteLength(header('apns-collapse-id') ?? '') > 64) return bad('BadCollapseId')
  if (!topic) return bad('MissingTopic')
  if ((pushType === 'voip') !== topic.endsWith('.voip')) return bad('TopicDisallowed')
  return undefined
}

/** 4096 bytes, 5120 for VoIP ("Generating a remote notification"). */
export function checkPayload(body: string, pushType: string | undefined): ApnsRefusal | undefined {
  if (body === '') return bad('PayloadEmpty')
  if (Buffer.byteLength(body) > (pushType === 'voip' ? 5_120 : 4_096)) {
    return { status: 413, reason: 'PayloadTooLarge' }
  }
  const payload = parseJson(body)
  return typeof payload === 'object' && payload !== null ? undefined : bad('PayloadEmpty')
}

function bad(reason: string): ApnsRefusal {
  return { status: 400, reason }
}
