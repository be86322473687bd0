/** What the product is held to, one row for each goal, with where it is measured. Why growth stands beside the relay too: ADR 46. */
export interface Bar {
  name: string
  /** What stands beside it in the same run. Absent where the figure stands for itself. */
  beside?: string
  direction: 'at least' | 'at most'
  goal: number
  unit: '×' | 'ms' | 'MB' | 'statements'
  /** The case that measures it. */
  measuredBy: string
}

const relay = 'stock relay that stores nothing'
const smallCase = 'the small case'

export const bars = {
  direct: atLeast(1, 'messages/s, 1:1', relay, '1:1 saturated'),
  groupsOf5: atLeast(1.5, 'messages/s, groups of 5', relay, 'groups of 5 saturated'),
  groupsOf50: atLeast(4, 'messages/s, groups of 50', relay, 'groups of 50 saturated'),
  cpuSaturated: atMost(0.8, 'CPU per message, groups of 5, saturated', relay, 'groups of 5 saturated'),
  cpuLowRate: atMost(1.5, 'CPU per message, groups of 5, low rate', relay, 'groups of 5 at a low rate'),
  hotConversation: atLeast(
    15,
    'messages/s into one conversation',
    'one transaction per message',
    'hot conversation',
  ),
  fanOut1: atLeast(1.1, 'fan-out per CPU second, 1 frame a tick', 'stock io.to(room).emit', 'fan-out'),
  fanOut4: atLeast(2.5, 'fan-out per CPU second, 4 frames a tick', 'stock io.to(room).emit', 'fan-out'),
  idleMemory: atMost(
    0.9,
    'RSS per idle connection in 10 conversations',
    'stock Socket.IO, same rooms',
    'idle connections',
  ),
  halfRate: atMost(2, 'p99 send → receive at half of the maximum', relay, 'groups of 5 at half'),
  halfRateMs: alone(25, 'ms', 'p99 send → receive at half of the maximum', 'groups of 5 at half'),
  moreGateways: atMost(1.15, 'CPU per message, 8 gateways', smallCase, 'growth: 8 gateways'),
  gatewaysBesideRelay: atMost(
    1.15,
    'CPU per message, 8 gateways',
    'stock relay, 8 servers',
    'growth: 8 gateways',
  ),
  moreUsers: atMost(1.15, 'CPU per message, 10 × the users', smallCase, 'growth: 10 × the users'),
  usersBesideRelay: atMost(
    1.15,
    'CPU per message, 10 × the users',
    'stock relay, as many',
    'growth: 10 × the users',
  ),
  moreEntries: atMost(1.15, 'CPU per message, many stored entries', smallCase, 'growth: stored entries'),
  stormTime: atMost(1.5, 'storm until everybody is back and synced', 'bare handshakes', 'storm'),
  stormStatements: alone(2, 'statements', 'storm, Postgres statements per client', 'storm'),
  pushes: atLeast(0.7, 'pushes/s over one connection', 'bare node:http2 loop', 'push'),
  thumbnails: atLeast(0.9, 'photos/s with thumbnails', 'bare sharp loop', 'media'),
  mediaMemory: alone(512, 'MB', 'RSS of media, many uploads at once', 'media'),
} as const satisfies Record<string, Bar>

export type BarName = keyof typeof bars

function atLeast(goal: number, name: string, beside: string, measuredBy: string): Bar {
  return { name, beside, direction: 'at least', goal, unit: '×', measuredBy }
}

function atMost(goal: number, name: string, beside: string, measuredBy: string): Bar {
  return { name, beside, direction: 'at most', goal, unit: '×', measuredBy }
}

function alone(goal: number, unit: Bar['unit'], name: string, measuredBy: string): Bar {
  return { name, direction: 'at most', goal, unit, measuredBy }
}
