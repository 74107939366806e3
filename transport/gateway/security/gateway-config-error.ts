/** A gateway that can't start as it is configured. */
import { SuanpanError } from '../../../runtime/index.js'

/** Why a gateway does not start. */
export type GatewayConfigCode =
  'api_keys_required' | 'api_keys_invalid' | 'address_in_use' | 'invalid_options'

/** The gateway was not started; its message says what to change. */
export class GatewayConfigError extends SuanpanError {
  override readonly name = 'GatewayConfigError'
  readonly retryable = false
  readonly outcome = 'not_executed'
  constructor(
    readonly code: GatewayConfigCode,
    detail: string,
  ) {
    super(detail)
  }
}
