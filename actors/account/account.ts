/**
 * The kind `account`, and the maker of kinds that are accounts: wiring only. What it may do is in
 * `account-rules.ts`, what happens to it in `account-events.ts`.
 */
import { defineActor, type QueryView, type Refusal } from '../../runtime/index.js'
import type { AccountKind, AccountView } from '../bank.js'
import { refuse } from '../refusals.js'
import { accountEvents } from './account-events.js'
import { balanceAt, history, historyRow, recount } from './account-history.js'
import { accountView, unopened, type AccountState } from './account-state.js'
import * as administration from './administration.js'
import { pay, replayPay } from './pay.js'
import { payDirectly } from './pay-directly.js'
import * as payment from './payment-steps.js'
import { mayTransfer, transferNow } from './transfer-sides.js'
import * as transfer from './transfer-steps.js'

/** Makes a kind of accounts. */
export function defineAccount(kind: AccountKind) {
  return defineActor({
    kind,
    state: unopened,
    flat: true,
    events: accountEvents,
    commands: {
      open: administration.open,
      freeze: administration.freeze,
      unfreeze: administration.unfreeze,
      close: administration.close,
      setLimits: administration.setLimits,
      deposit: administration.deposit,
      withdraw: administration.withdraw,
      pay,
      transfer: administration.transfer,

      credit: payment.credit,
      debit: payment.debit,
      post: payment.post,
      release: payment.release,
      expectRefund: payment.expectRefund,
      dropRefund: payment.dropRefund,
      creditRefund: payment.creditRefund,

      transferHold: transfer.transferHold,
      transferRelease: transfer.transferRelease,
      transferReserve: transfer.transferReserve,
      transferUnreserve: transfer.transferUnreserve,
      transferCredit: transfer.transferCredit,
      transferPost: transfer.transferPost,

      mayTransfer,
      transferNow,
    },
    queries: {
      view: (view: QueryView<AccountState>): AccountView | Refusal =>
        view.self.status === ''
          ? refuse('account_not_found')
          : accountView(kind, view.key, view.self, view.version(view.address)),
      history,
      balanceAt,
      recount,
    },
    replays: {
      pay: replayPay,
      deposit: administration.replayCash('d'),
      withdraw: administration.replayCash('w'),
      transfer: administration.replayTransfer,
    },
    history: historyRow,
    direct: { pay: payDirectly },
  })
}

export const account = defineAccount('account')
