import type { HttpApp } from '@parley/shared/http'
import { DeviceId, UserId } from '@parley/shared/ids'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { testPush } from './test-push.ts'

const TestPush = z.strictObject({
  userId: UserId,
  deviceId: DeviceId.optional(),
  title: z.string().max(200).default('Parley'),
  body: z.string().max(1_000).default('A test push'),
})

/** For operators, on the internal port. */
export function testPushAdmin(app: HttpApp, ctx: Context): void {
  app.post('/admin/push/test', { schema: { body: TestPush } }, async ({ body }) => ({
    credentials: ctx.credentials.list(),
    bindings: await testPush(ctx, body),
  }))
}
