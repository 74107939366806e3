/** The module worker threads import: every kind of the payment domain, and its tally. */
import type { ActorModule } from '../runtime/index.js'
import { account } from './account/account.js'
import { wrongTimeZone } from './account/calendar.js'
import { cash } from './cash/cash.js'
import { ledgerTally } from './ledger/tally.js'
import { merchant } from './merchant/merchant.js'
import { payment } from './payment/payment.js'
import { transfer } from './transfer/transfer.js'

export const actors: ActorModule = {
  // By its name: where the code is bundled this file stays one of its own.
  module: new URL('./module.js', import.meta.url).href,
  definitions: [account, merchant, payment, transfer, cash],
  tally: ledgerTally,
  checkSettings: ({ timeZone }) => wrongTimeZone(timeZone),
}
