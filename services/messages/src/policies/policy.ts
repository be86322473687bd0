import { z } from 'zod'

const Role = z.enum(['owner', 'admin', 'member'])
const Roles = z.array(Role)
/** Who may do it to whom. */
const Over = z.partialRecord(Role, Roles)

const day = 86_400

/** The rules a group lives by, as data: a kind of group is one such document. */
export const Policy = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower case letters, digits and -, at most 32'),
  /** Whether there is exactly one owner at any time. If not, who creates a group is an admin, if any rule names admins. */
  hasOwner: z.boolean(),
  /** How people may come in; a group chooses one of them, the first if it does not say. */
  join: z.array(z.enum(['free', 'approval', 'invitation'])).min(1),
  /** Whether an invitation puts somebody in, or proposes them to those who answer requests. */
  invite: z.partialRecord(Role, z.enum(['adds', 'proposes'])),
  answerRequests: Roles,
  kick: Over,
  /** Whether somebody who was kicked can come back without being invited. */
  kickedMayReturn: z.boolean(),
  /** Keep one member from writing. */
  silence: Over,
  /** Keep all ordinary members from writing, and say who may nevertheless. */
  silenceAll: Roles,
  appointAdmins: Roles,
  transfer: Roles,
  quit: Roles,
  /** What becomes of the group when its owner quits. */
  ownerQuits: z.enum(['passes-on', 'leaves-none']),
  dissolve: Roles,
  changeProfile: Roles,
  recallOthers: Over,
  mentionAll: Roles,
  /** Asked for by the release before, which shares the file while a rollout lasts; members read, whatever it says. */
  readers: z.literal('members').optional(),
  /** What a new member sees of it. */
  history: z.enum(['all', 'since-joining']),
  /** Whether messages are kept. */
  stores: z.boolean(),
  /** Whether messages count as unread. */
  counts: z.boolean(),
  editWithinSeconds: z
    .int()
    .min(0)
    .max(365 * day),
  recallWithinSeconds: z
    .int()
    .min(0)
    .max(365 * day),
  maxMembers: z.int().min(2).max(1_000_000),
})
export type Policy = z.output<typeof Policy>
