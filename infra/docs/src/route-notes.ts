/** What a document says of a route beside its schemas. */
export interface RouteNote {
  about: string
  /** Nobody need say who they are. */
  isOpen?: true
  /** Answers that are no JSON, as OpenAPI has them. */
  answers?: Record<string, object>
  form?: object
}

const link = { description: 'The bytes, by a link that is signed and ends soon.', type: 'null' }
const form = {
  type: 'object',
  required: ['file'],
  properties: { file: { type: 'string', contentMediaType: 'application/octet-stream' } },
}
const bytes = { schema: { type: 'string', contentMediaType: 'application/octet-stream' } }
const picture = {
  200: {
    description: 'The picture.',
    content: { 'image/webp': bytes, 'image/jpeg': bytes, 'image/png': bytes },
  },
  302: { description: 'The address of a picture that is not kept here.', type: 'null' },
  304: { description: 'The one that the caller has.', type: 'null' },
}
const stream = {
  description: 'A stream that ends with `session:closing`.',
  content: { 'text/event-stream': { schema: { type: 'string' } } },
}

/** Routes of the protocol table say for themselves what they do; these are the others. A test asks for each of them. */
export const routeNotes: Record<string, RouteNote> = {
  'GET /v1/events': {
    about:
      'Server-sent events: pages of `log:sync` named `sync`, their ids the cursor after them; between them what else a socket would hear. `Last-Event-ID` goes on from there.',
    answers: { 200: stream },
  },

  'POST /v1/accounts': { about: 'Creates an account.', isOpen: true },
  'PUT /v1/accounts/current/password': { about: 'Changes the password; every other session ends.' },
  'POST /v1/sessions': { about: 'Logs in on a device.', isOpen: true },
  'GET /v1/sessions': { about: 'Where the user is logged in.' },
  'DELETE /v1/sessions': { about: 'Ends all sessions, or all but the one that asks.' },
  'POST /v1/sessions/refresh': {
    about: 'New tokens for a refresh token, which works for one more minute.',
    isOpen: true,
  },
  'POST /v1/sessions/logout': {
    about: 'Ends a session by its log-out ticket, at any later time.',
    isOpen: true,
  },
  'DELETE /v1/sessions/current': { about: 'Logs out: sockets close, push tokens of the device are unbound.' },
  'DELETE /v1/sessions/:sessionId': { about: "Ends one of the user's own sessions." },
  'GET /v1/jwks': { about: 'The public keys that access tokens are checked with.', isOpen: true },
  'PUT /v1/devices/current/push': { about: 'Where this device is pushed.' },

  'GET /v1/contacts': {
    about: 'What changed in the roster after a version. Ask again with `version` until `complete`.',
  },
  'POST /v1/contacts/requests': { about: 'Asks somebody to be a contact.' },
  'PATCH /v1/contacts/:userId': { about: 'Changes what the user calls somebody.' },
  'DELETE /v1/contacts/:userId': { about: 'Ends a contact, or takes back a request.' },
  'POST /v1/contacts/:userId/accept': { about: 'Accepts a request.' },
  'POST /v1/contacts/:userId/decline': { about: 'Declines a request.' },
  'PUT /v1/contacts/:userId/block': { about: 'Blocks somebody, who is not told.' },
  'DELETE /v1/contacts/:userId/block': { about: 'Ends a block.' },

  'GET /v1/me': { about: 'The own profile.' },
  'PATCH /v1/me': { about: 'Changes the own profile; null takes a value away.' },
  'GET /v1/users': { about: 'Searches the directory by id, name, or later words of a name.' },
  'POST /v1/users/lookup': { about: 'Profiles of those who exist among the named.' },
  'GET /v1/conversations/:conversationId/notifications': {
    about: 'What the user is alerted of in a conversation.',
  },
  'PUT /v1/conversations/:conversationId/notifications': {
    about: 'Changes what the user is alerted of in a conversation.',
  },
  'GET /v1/notifications': { about: 'How the user is alerted, whatever the conversation.' },
  'PUT /v1/notifications': { about: 'Changes how the user is alerted.' },

  'POST /v1/media/uploads': { about: 'A ticket for an upload: where the bytes go, and how.' },
  'POST /v1/media/uploads/:mediaId/complete': {
    about: 'Says that the bytes have arrived; they are checked and processed.',
  },
  'DELETE /v1/media/uploads/:mediaId': { about: 'Gives an upload up.' },
  'POST /v1/media/files': { about: 'Ticket, bytes and completion in one form.', form },
  'GET /v1/media/:mediaId': {
    about: 'A redirect to the bytes, for who may see them; with `format=json`, what is known of them.',
    answers: { 302: link },
  },
  'GET /v1/media/:mediaId/:name': {
    about: 'A redirect to a smaller or playable form.',
    answers: { 302: link },
  },
  'GET /v1/media/avatars/users/:userId': {
    about: 'The avatar of a user as a square, a pattern if there is none.',
    answers: picture,
  },
  'GET /v1/media/avatars/groups/:conversationId': {
    about: 'The avatar of a group as a square, a pattern if there is none.',
    answers: picture,
  },
  'GET /v1/media/maps': { about: 'A redirect to a map of a place.', answers: { 302: link } },

  'POST /server/v1/users': { about: 'Imports users; each has a result.' },
  'GET /server/v1/users/:userId': { about: 'A user as the operator sees them.' },
  'PATCH /server/v1/users/:userId': { about: "Changes a user's profile." },
  'DELETE /server/v1/users/:userId': { about: 'Deletes a user for good; the id stays taken.' },
  'PUT /server/v1/users/:userId/suspension': { about: 'Suspends an account; its sockets close.' },
  'DELETE /server/v1/users/:userId/suspension': { about: 'Ends a suspension.' },
  'DELETE /server/v1/users/:userId/sessions': { about: 'Logs a user out everywhere.' },
  'POST /server/v1/conversations': { about: 'Creates a group in the name of a user.' },
  'POST /server/v1/messages': { about: 'Sends a message of a user, or of the system.' },
  'POST /server/v1/messages/override': { about: 'Sends a message past the rules that hold for its sender.' },
  'GET /server/v1/message-types': { about: "The app's own message types." },
  'PUT /server/v1/message-types/:type': { about: "Registers a message type of the app's own." },
  'DELETE /server/v1/message-types/:type': { about: 'Forgets a message type.' },
  'GET /server/v1/webhooks': { about: 'Where events are told, and how each endpoint fares.' },
  'GET /server/v1/webhooks/:endpointId/dead': { about: 'Events that an endpoint did not take, and why.' },
  'POST /server/v1/webhooks/:endpointId/replay': { about: 'Tells such events once more.' },
  'POST /server/v1/webhooks/:endpointId/enable': { about: 'Goes on with an endpoint that was given up.' },
  'DELETE /server/v1/webhooks/:endpointId': { about: 'Forgets an endpoint, and what waits for it.' },

  'GET /livez': { about: 'The process runs. Depends on nothing else.', isOpen: true },
  'GET /startupz': { about: 'The process has started.', isOpen: true },
  'GET /readyz': { about: 'It takes work; `draining` once it is going away.', isOpen: true },
  'GET /metrics': {
    about: 'In the format of Prometheus.',
    isOpen: true,
    answers: { 200: { description: 'Metrics.', content: { 'text/plain': { schema: { type: 'string' } } } } },
  },
  'PUT /admin/accounts/:userId/suspension': { about: 'Suspends an account; its sockets close.' },
  'DELETE /admin/accounts/:userId/suspension': { about: 'Ends a suspension.' },
  'GET /admin/explain': {
    about: 'What happened to a message on its way to a user, and when: never its content.',
  },
  'DELETE /admin/accounts/:userId/sessions': { about: 'Logs a user out everywhere.' },
}
