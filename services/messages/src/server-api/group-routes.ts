import type { HttpApp } from '@parley/shared/http'
import { UserId } from '@parley/shared/ids'
import { clientEvents } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { unknownUser } from '../errors.ts'
import { createGroup } from '../groups/create-group.ts'
import { addOperation } from '../operations/routes.ts'
import * as store from './store.ts'
import { systemId } from './system.ts'

const Create = z.strictObject({
  /** Who creates the group, and owns it where a group has an owner. */
  creatorId: UserId,
  group: clientEvents['group:create'].request,
})

const reads = ['group:read', 'group:members'] as const
const writes = [
  'group:update',
  'group:invite',
  'group:kick',
  'group:pardon',
  'group:silence',
  'group:silence-all',
  'group:exempt',
  'group:appoint',
  'group:transfer',
  'group:answer',
  'group:dissolve',
] as const

/** What members may do to a group the operator may too, by the same operations; in their entries the system did it. */
export function groupRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/server/v1/conversations',
    {
      config: { scope: 'groups:write' },
      schema: { body: Create, response: { 201: clientEvents['group:create'].reply } },
    },
    async (request, reply) => {
      const { creatorId, group } = request.body
      if (!(await store.findUser(ctx.db, creatorId))) throw unknownUser()
      return reply.status(201).send(await createGroup(ctx, creatorId, group))
    },
  )
  const options = { prefix: '/server', whoAsks: () => ({ userId: systemId }) }
  for (const event of reads) addOperation(app, ctx, event, { ...options, config: { scope: 'groups:read' } })
  for (const event of writes) addOperation(app, ctx, event, { ...options, config: { scope: 'groups:write' } })
}
