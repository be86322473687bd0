import type { Alert, DueDevice, DueDevices } from './rpc.ts'

/** One device that is still to be told, and everything its alerts say. */
export type Delivery = Omit<DueDevice, 'alerts'> & {
  /** Oldest first. */
  alerts: Alert[]
}

/** Gives each device its alerts, which many have in common. */
export function deliveriesOf({ alerts, deliveries }: DueDevices): Delivery[] {
  return deliveries.map((device) => ({
    ...device,
    alerts: device.alerts.flatMap((place) => alerts[place] ?? []),
  }))
}
