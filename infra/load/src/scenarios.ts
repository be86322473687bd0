/** How a scenario is run if nothing else is said, and what must have happened for it to count. */
export interface Scenario {
  /** People who arrive a second. */
  perSecond: number
  seconds: number
  /** In one group; they share a conversation. */
  groupSize: number
  /** Counters that must not be zero: an empty run is no good run. */
  proves: string[]
}

export const scenarios = {
  'connect-storm': { perSecond: 100, seconds: 10, groupSize: 2, proves: ['parley.connected'] },
  direct: { perSecond: 10, seconds: 30, groupSize: 2, proves: ['parley.connected', 'parley.entries_heard'] },
  groups: { perSecond: 10, seconds: 30, groupSize: 20, proves: ['parley.connected', 'parley.entries_heard'] },
  typing: { perSecond: 10, seconds: 30, groupSize: 10, proves: ['parley.connected', 'parley.typing_heard'] },
  media: { perSecond: 1, seconds: 20, groupSize: 2, proves: ['parley.connected', 'parley.entries_heard'] },
} as const satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

export const isScenario = (name: string): name is ScenarioName => Object.hasOwn(scenarios, name)
