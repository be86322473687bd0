import type { HttpApp } from '@parley/shared/http'
import { accountAdmin, accountRoutes } from './accounts/routes.ts'
import { contactRoutes } from './contacts/routes.ts'
import type { Context } from './context.ts'
import { deviceRoutes } from './devices/routes.ts'
import { directoryRoutes } from './directory/routes.ts'
import { explainAdmin } from './explain/routes.ts'
import { notificationRoutes } from './notification-preferences/routes.ts'
import { operationRoutes } from './operations/routes.ts'
import { sessionRoutes } from './sessions/routes.ts'

export { serverRoutes } from './server-api/server.ts'

/** What apps ask. */
export function clientRoutes(app: HttpApp, ctx: Context): void {
  accountRoutes(app, ctx)
  sessionRoutes(app, ctx)
  deviceRoutes(app, ctx)
  contactRoutes(app, ctx)
  directoryRoutes(app, ctx)
  notificationRoutes(app, ctx)
  operationRoutes(app, ctx)
}

/** What operators ask, on the internal port. */
export function adminRoutes(app: HttpApp, ctx: Context): void {
  accountAdmin(app, ctx)
  explainAdmin(app, ctx)
}
