import { apns } from './apns/apns.ts'
import { fcm } from './fcm/fcm.ts'
import { huawei } from './huawei/huawei.ts'
import type { ProviderKind } from './provider-kind.ts'
import type { ProviderName } from './provider.ts'
import { webpush } from './webpush/webpush.ts'

export const providerKinds: Readonly<Record<ProviderName, ProviderKind>> = { apns, fcm, webpush, huawei }
