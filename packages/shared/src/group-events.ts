import { z } from 'zod'
import { Role } from './conversation-events.ts'
import { ConversationSummary, Seq, Timestamp } from './entry.ts'
import { ConversationId, MediaId, UserId } from './ids.ts'

/** People one call names. */
export const maxUsersPerCall = 500

const userIds = z.array(UserId).max(maxUsersPerCall)
const JoinBy = z.enum(['free', 'approval', 'invitation'])
const target = { conversationId: ConversationId }
const person = { conversationId: ConversationId, userId: UserId }
const none = z.object({})
const url = z
  .url({ protocol: /^https?$/ })
  .refine((text) => Buffer.byteLength(text) <= 100, 'at most 100 bytes')
const picture = z.union([MediaId, url])

const profile = {
  name: z.string().trim().min(1).max(128),
  /** A media id, or the address of a picture. */
  avatarUrl: picture.nullable().optional(),
  /** What members are told now. */
  notice: z.string().max(1_024).nullable().optional(),
  /** What the group is about, for those who think of joining. */
  introduction: z.string().max(1_024).nullable().optional(),
  joinBy: JoinBy.optional(),
}

/** What became of one person of several. */
const PersonResult = z.object({
  userId: z.string(),
  result: z.enum(['done', 'already', 'pending', 'refused']),
  /** Of a refusal. */
  reason: z.string().optional(),
})
const Results = z.object({ results: z.array(PersonResult) })

const Group = z.object({
  summary: ConversationSummary,
  notice: z.string().optional(),
  introduction: z.string().optional(),
  joinBy: JoinBy.optional(),
  allSilenced: z.boolean(),
  memberCount: z.int(),
  /** Of whoever asks; absent for those who only may look because anyone may join. */
  role: Role.optional(),
})

const Member = z.object({
  userId: z.string(),
  displayName: z.string().nullable(),
  role: Role,
  joinedAt: Timestamp,
  silencedUntil: Timestamp.optional(),
  speaksAlways: z.boolean(),
})

const page = {
  after: z.string().max(64).default(''),
  limit: z.coerce.number().int().min(1).max(500).default(100),
}

export const groupEvents = {
  'group:create': {
    about:
      'A group of whoever asks, who owns it, and those of the named who exist. `policy` says by which rules it lives: `private`, `public`, `chatroom`, `live`, or one of the operator.',
    http: { route: 'POST /v1/conversations', status: 201 },
    request: z.strictObject({
      conversationId: ConversationId.refine(
        (id) => !/^[a-z]-/.test(id),
        'ids that begin with a letter and - are given out by the server',
      ).optional(),
      policy: z.string().max(32).default('private'),
      ...profile,
      userIds: userIds.default([]),
      /** Those of them who are admins from the start. */
      adminIds: userIds.default([]),
    }),
    reply: z.object({ summary: ConversationSummary, results: z.array(PersonResult) }),
  },
  'group:read': {
    about: 'A group as its members know it, or as those see it who may join without being invited.',
    http: { route: 'GET /v1/conversations/:conversationId' },
    request: z.strictObject(target),
    reply: Group,
  },
  'group:update': {
    about: 'Changes what a group says of itself. Everybody in it is told, by the server.',
    http: { route: 'PATCH /v1/conversations/:conversationId' },
    request: z
      .strictObject({ ...target, ...profile, name: profile.name.optional() })
      .refine((request) => Object.keys(request).length > 1, 'nothing is to be changed'),
    reply: z.object({ seq: Seq }),
  },
  'group:members': {
    about: 'A page of members by user id. Ask again with the last id as `after` until `complete`.',
    http: { route: 'GET /v1/conversations/:conversationId/members' },
    request: z.strictObject({ ...target, ...page }),
    reply: z.object({ members: z.array(Member), complete: z.boolean() }),
  },
  'group:invite': {
    about:
      'Puts people into a group, or proposes them where the rules ask for an approval. Each has a result.',
    http: { route: 'POST /v1/conversations/:conversationId/members' },
    request: z.strictObject({ ...target, userIds: userIds.min(1) }),
    reply: z.object({ summary: ConversationSummary, results: z.array(PersonResult) }),
  },
  'group:join': {
    about: 'Joins a group, or asks to be let in.',
    http: { route: 'POST /v1/conversations/:conversationId/join' },
    request: z.strictObject({ ...target, greeting: z.string().trim().max(256).optional() }),
    reply: z.object({ result: z.enum(['done', 'already', 'pending']), summary: ConversationSummary }),
  },
  'group:requests': {
    about: 'Who waits to be let in, for those who may answer.',
    http: { route: 'GET /v1/conversations/:conversationId/requests' },
    request: z.strictObject({ ...target, ...page }),
    reply: z.object({
      requests: z.array(
        z.object({
          userId: z.string(),
          displayName: z.string().nullable(),
          greeting: z.string().optional(),
          invitedBy: z.string().optional(),
          createdAt: Timestamp,
        }),
      ),
      complete: z.boolean(),
    }),
  },
  'group:answer': {
    about: 'Lets somebody in who asked, or does not.',
    http: { route: 'PUT /v1/conversations/:conversationId/requests/:userId' },
    request: z.strictObject({ ...person, accept: z.boolean() }),
    reply: none,
  },
  'group:kick': {
    about: 'Removes people. They hear nothing more at once, on all devices, and are told the reason.',
    http: { route: 'POST /v1/conversations/:conversationId/kicks' },
    request: z.strictObject({
      ...target,
      userIds: userIds.min(1),
      reason: z.string().trim().max(256).optional(),
    }),
    reply: Results,
  },
  'group:pardon': {
    about: 'Lets somebody who was kicked come back by themselves, where that is possible at all.',
    http: { route: 'DELETE /v1/conversations/:conversationId/expulsions/:userId' },
    request: z.strictObject(person),
    reply: none,
  },
  'group:silence': {
    about:
      'Keeps a member, or somebody who has left and may come back, from writing for so many seconds; null for ever, 0 to end it.',
    http: { route: 'PUT /v1/conversations/:conversationId/members/:userId/silence' },
    request: z.strictObject({ ...person, seconds: z.int().min(0).max(315_360_000).nullable() }),
    reply: none,
  },
  'group:silence-all': {
    about: 'Keeps all ordinary members from writing, or ends it. `group:exempt` says who may nevertheless.',
    http: { route: 'PUT /v1/conversations/:conversationId/silence' },
    request: z.strictObject({ ...target, silenced: z.boolean() }),
    reply: none,
  },
  'group:exempt': {
    about: 'Whether a member may write while all are silenced.',
    http: { route: 'PUT /v1/conversations/:conversationId/members/:userId/exemption' },
    request: z.strictObject({ ...person, exempt: z.boolean() }),
    reply: none,
  },
  'group:appoint': {
    about: 'Makes a member an admin, or an admin a member.',
    http: { route: 'PUT /v1/conversations/:conversationId/members/:userId/role' },
    request: z.strictObject({ ...person, role: z.enum(['admin', 'member']) }),
    reply: none,
  },
  'group:transfer': {
    about: 'Gives the group to another member. There is one owner before and after.',
    http: { route: 'PUT /v1/conversations/:conversationId/owner' },
    request: z.strictObject(person),
    reply: none,
  },
  'group:leave': {
    about: 'Leaves a group.',
    http: { route: 'POST /v1/conversations/:conversationId/leave' },
    request: z.strictObject(target),
    reply: none,
  },
  'group:dissolve': {
    about: 'Ends a group for all of its members.',
    http: { route: 'DELETE /v1/conversations/:conversationId' },
    request: z.strictObject(target),
    reply: none,
  },
} as const
