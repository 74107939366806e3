/** What the coordinator may do by itself, as the configuration says it now. */
import type { RebalanceSettings } from '../membership/map-duties.js'
import type { Configuration } from './configuration.js'

export function rebalanceSettings(configuration: Configuration): RebalanceSettings {
  return {
    enabled: configuration.get('rebalance.enabled'),
    movesMax: configuration.get('rebalance.moves_max'),
    perNodeMax: configuration.get('rebalance.moves_per_node_max'),
    moveMsMax: configuration.get('rebalance.move_timeout_ms'),
  }
}
