import type { HttpApp } from '@parley/shared/http'
import { avatarRoutes } from './avatars/routes.ts'
import type { Context } from './context.ts'
import { mapRoutes } from './maps/routes.ts'
import { mediaRoutes } from './media/routes.ts'
import { formRoutes } from './uploads/form-routes.ts'
import { uploadRoutes } from './uploads/routes.ts'

/** What apps ask. Where bytes go and come from, a ticket or a redirect says; resumable uploads speak tus, which describes itself. */
export function clientRoutes(app: HttpApp, ctx: Context): void {
  uploadRoutes(app, ctx)
  formRoutes(app, ctx)
  avatarRoutes(app, ctx)
  mapRoutes(app, ctx)
  mediaRoutes(app, ctx)
}
