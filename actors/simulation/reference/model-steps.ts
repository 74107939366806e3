/**
 * The steps of payments and transfers between shards, as the reference model takes them: each message
 * of the journal is one step, decided again by the model and compared.
 */
import { keyOf } from '../../../runtime/index.js'
import type { Turn } from '../committed.js'
import type { CommittedMessage } from '../kit.js'
import type { AccountSides } from './model-transfer.js'
import type { ReferenceModel } from './reference-model.js'

/** A step of something begun arrives at another shard, or its answer comes back. */
export function takeStep(model: ReferenceModel, turn: Turn, message: CommittedMessage): void {
  const { command, address } = message
  if (command === 'credit' || command === 'debit') {
    const { payment: id, amount } = message.input as { payment: string; amount: number }
    const payment = model.payment(id)
    const type = command === 'credit' ? 'capture' : 'refund'
    if (isNear(message)) payment.arriveNear(type, amount, model.worldOf(payment, turn))
    else sameDecision(turn, payment.arrive(type, amount, model.worldOf(payment, turn)))
  } else if (command === 'credited' || command === 'debited') {
    const payment = model.payment(keyOf(address))
    const type = command === 'credited' ? 'capture' : 'refund'
    model.ended(payment.id, payment.comeBack(type, model.worldOf(payment, turn)))
  } else takeTransferStep(model, turn, message)
}

/** A step that was called, not sent: nobody waits for its answer. */
export function isNear({ command, then }: CommittedMessage): boolean {
  if (command === 'transferNow') return true
  return (command === 'credit' || command === 'debit') && then === undefined
}

interface StepFields {
  readonly transfer?: string
  readonly amount?: number
  readonly leg?: number
  readonly context?: number
}

function takeTransferStep(
  model: ReferenceModel,
  turn: Turn,
  { command, address, input }: CommittedMessage,
): void {
  const { world } = model
  const fields = input as StepFields
  const id = fields.transfer ?? keyOf(address)
  const leg = fields.leg ?? -1
  const transfer = model.transfers.get(id)
  if (transfer === undefined) throw new Error(`nobody knows the transfer ${id}`)
  switch (command) {
    case 'transferHold':
    case 'transferReserve': {
      const side = command === 'transferHold' ? 'payer' : 'payee'
      const number = transfer.legToDecide(address, side, fields.amount ?? 0)
      sameDecision(turn, transfer.arrive(number, side, turn.time, world))
      return
    }
    case 'held':
    case 'reserved': {
      const side = command === 'held' ? 'payer' : 'payee'
      model.ended(id, transfer.comeBack(fields.context ?? -1, side, turn.time, world))
      return
    }
    case 'transferNow':
      transfer.moveAtOnce(
        (input as { accounts: readonly AccountSides[] }).accounts,
        turn.time,
        world,
      )
      return
    case 'transferCredit':
      transfer.credit(leg, turn.time, world)
      return
    case 'legCredited':
      model.ended(id, transfer.credited(leg, world))
      return
    case 'transferPost':
      transfer.post(leg, world)
      return
    case 'transferRelease':
    case 'transferUnreserve': {
      const side = command === 'transferRelease' ? 'payer' : 'payee'
      transfer.undo(transfer.legToUndo(address, side, fields.amount ?? 0), side, world)
      return
    }
    default:
      throw new Error(`the model does not know the step ${command}`)
  }
}

/** The turn answers its sender what the model decided. */
function sameDecision({ messages }: Turn, why: string): void {
  const [answer] = messages
  const { outcome } = (answer?.input ?? {}) as { outcome?: { refused?: string } }
  const said = outcome === undefined ? 'nothing' : (outcome.refused ?? '')
  if (said !== why) throw new Error(`the step was answered "${said}"; the model says "${why}"`)
}
