import type { Policy } from './policy.ts'

const day = 86_400

/** People who know each other: by invitation, and only its owner removes anybody. */
const privateGroup: Policy = {
  id: 'private',
  hasOwner: true,
  join: ['invitation'],
  invite: { owner: 'adds', member: 'adds' },
  answerRequests: [],
  kick: { owner: ['member'] },
  kickedMayReturn: false,
  silence: {},
  silenceAll: [],
  appointAdmins: [],
  transfer: ['owner'],
  quit: ['owner', 'member'],
  ownerQuits: 'passes-on',
  dissolve: [],
  changeProfile: ['owner', 'member'],
  recallOthers: { owner: ['member'] },
  mentionAll: ['owner', 'member'],
  history: 'since-joining',
  stores: true,
  counts: true,
  editWithinSeconds: day,
  recallWithinSeconds: day,
  maxMembers: 500,
}

/** A community that is asked before one comes in. */
export const publicGroup: Policy = {
  ...privateGroup,
  id: 'public',
  join: ['approval', 'free', 'invitation'],
  invite: { owner: 'adds', admin: 'adds', member: 'proposes' },
  answerRequests: ['owner', 'admin'],
  kick: { owner: ['admin', 'member'], admin: ['member'] },
  silence: { owner: ['admin', 'member'], admin: ['member'] },
  silenceAll: ['owner', 'admin'],
  appointAdmins: ['owner'],
  quit: ['admin', 'member'],
  dissolve: ['owner'],
  changeProfile: ['owner', 'admin'],
  recallOthers: { owner: ['admin', 'member'], admin: ['member'] },
  mentionAll: ['owner', 'admin'],
  maxMembers: 5_000,
}

/** Come and go; everything said before can be read, and nothing asks to be read. */
const chatroom: Policy = {
  ...publicGroup,
  id: 'chatroom',
  join: ['free', 'approval', 'invitation'],
  invite: { owner: 'adds', admin: 'adds', member: 'adds' },
  history: 'all',
  counts: false,
  maxMembers: 20_000,
}

/** A broadcast's audience: nothing is kept, nobody is removed, who disturbs is silenced. */
const live: Policy = {
  ...publicGroup,
  id: 'live',
  join: ['free'],
  invite: {},
  answerRequests: [],
  kick: {},
  stores: false,
  counts: false,
  recallOthers: {},
  editWithinSeconds: 0,
  recallWithinSeconds: 0,
  maxMembers: 100_000,
}

/** Kinds of groups after those of Tencent Cloud Chat (Work, Public, Meeting, AVChatRoom). */
export const shippedPolicies: Policy[] = [privateGroup, publicGroup, chatroom, live]
