import type { HttpApp } from '@parley/shared/http'
import { UserId } from '@parley/shared/ids'
import { Profile } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { unknownUser } from '../errors.ts'
import { authenticate } from '../sessions/authenticate.ts'
import { changeProfile } from './change-profile.ts'
import { OwnProfile, ProfileChange, toOwnProfile, toProfile } from './profile.ts'
import { searchUsers } from './search-users.ts'
import * as store from './store.ts'

const Search = z.strictObject({
  /** Two characters are a common name in Chinese; one would be a list of everybody. */
  query: z.string().trim().min(2).max(64),
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(50).default(20),
})
const Found = z.object({ users: z.array(Profile), cursor: z.string().optional() })
const Lookup = z.strictObject({ userIds: z.array(UserId).min(1).max(100) })

export function directoryRoutes(app: HttpApp, ctx: Context): void {
  app.get('/v1/me', { schema: { response: { 200: OwnProfile } } }, async (request) => {
    const { userId } = await authenticate(ctx, request)
    const profile = await store.findProfile(ctx.db, userId)
    if (!profile) throw unknownUser()
    return toOwnProfile(profile, ctx.config)
  })

  app.patch('/v1/me', { schema: { body: ProfileChange, response: { 200: OwnProfile } } }, async (request) => {
    const { userId } = await authenticate(ctx, request)
    ctx.directoryLimits.take(userId)
    return changeProfile(ctx, userId, request.body)
  })

  app.get('/v1/users', { schema: { querystring: Search, response: { 200: Found } } }, async (request) => {
    const { userId } = await authenticate(ctx, request)
    ctx.directoryLimits.take(userId)
    return searchUsers(ctx, userId, request.query)
  })

  app.post(
    '/v1/users/lookup',
    { schema: { body: Lookup, response: { 200: z.object({ users: z.array(Profile) }) } } },
    async (request) => {
      await authenticate(ctx, request)
      return { users: (await store.listProfiles(ctx.db, request.body.userIds)).map(toProfile) }
    },
  )
}
