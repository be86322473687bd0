import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

export interface MachineReport {
  cores: number
  cpu: string
  node: string
}

export function describeMachine(): MachineReport {
  const list = cpus()
  return { cores: list.length, cpu: list[0]?.model ?? 'unknown', node: process.versions.node }
}

const msPerTick = 10

/** How long cores have been at work for programs of this machine, or for others on its host, in milliseconds of all cores. Linux only. */
export function machineBusyMs(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * msPerTick
}
