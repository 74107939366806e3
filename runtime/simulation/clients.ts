/**
 * The clients of a simulation: each asks, waits, asks again with the same key when it hears nothing
 * or gets no definite answer, and goes on to the next operation only then.
 */
import { Refused, SuanpanError } from '../errors.js'
import type { Address } from '../actor/address.js'
import type { Answered } from '../actor/client.js'
import type { Kernel } from './kernel.js'
import type { SimulatedProcess } from './process.js'
import type { Random } from './random.js'
import type { Operation, OperationRequest, OperationResult, WorkloadRun } from './workload.js'

/** Who takes the requests of clients: one process, or one node. */
export interface Asked {
  readonly process: Pick<SimulatedProcess, 'knock'>
  readonly client: Readonly<
    Record<
      OperationRequest['type'],
      (
        address: Address,
        name: string,
        input: unknown,
        options: { idempotencyKey?: string; timeoutMs?: number },
      ) => Promise<Answered<unknown>>
    >
  >
}

/** An attempt while it runs. */
interface Attempt<Node> extends Operation {
  completedAt: number | undefined
  result: OperationResult | undefined
  readonly node: Node
}

export interface ClientsOptions<Node extends Asked> {
  readonly clients: number
  /** First attempts, altogether. */
  readonly operations: number
  readonly thinkMs: number
  readonly patienceMs: number
  /** Where an attempt goes; undefined when nobody serves. */
  route(): Node | undefined
  invoked(operation: Operation, node: Node): void
  completed(operation: Operation, node: Node): void
}

const retryMs = 20

export class Clients<Node extends Asked> {
  readonly operations: Attempt<Node>[] = []
  private readonly kernel: Kernel
  private readonly run: WorkloadRun
  private readonly random: Random
  private readonly options: ClientsOptions<Node>
  private started = 0
  private busy = 0
  /** Attempts without a result, given up by their clients or not. */
  private open = 0
  /** True when nothing new is to be asked. */
  private draining = false

  constructor(kernel: Kernel, run: WorkloadRun, random: Random, options: ClientsOptions<Node>) {
    this.kernel = kernel
    this.run = run
    this.random = random
    this.options = options
  }

  start(): void {
    for (let client = 0; client < this.options.clients; client++) this.think(client)
  }

  /** True when every client has its answers and nothing more to ask. */
  get finished(): boolean {
    return this.busy === 0 && (this.draining || this.started >= this.options.operations)
  }

  /** True when nobody works on any attempt any more, not even on one its client has given up. */
  get idle(): boolean {
    return this.open === 0
  }

  /** Asks nothing new any more; what is begun is brought to its end. */
  drain(): void {
    this.draining = true
  }

  /** Sends an operation outside of the clients' own, until it is answered. @param first asked first */
  send(request: OperationRequest, first?: Node): void {
    this.begin(this.options.clients, request, first)
  }

  /** A process died: nobody will hear from it. */
  lost(node: Node): void {
    for (const attempt of this.operations) {
      if (attempt.node !== node || attempt.result !== undefined) continue
      this.complete(attempt, { type: 'fault', code: 'process_died', outcome: 'unknown' })
    }
  }

  private think(client: number): void {
    this.kernel.after(this.random.exponential(this.options.thinkMs), () => {
      if (this.draining || this.started >= this.options.operations) return
      const request = this.run.next(client, this.kernel.now)
      this.started++
      if (request === undefined) this.think(client)
      else this.begin(client, request)
    })
  }

  private begin(client: number, request: OperationRequest, first?: Node): void {
    this.busy++
    const settled = (): void => {
      this.busy--
      if (client < this.options.clients) this.think(client)
    }
    this.attempt(client, request, 1, settled, first)
  }

  private attempt(
    client: number,
    request: OperationRequest,
    number: number,
    settled: () => void,
    node = this.options.route(),
  ): void {
    if (node === undefined) {
      this.kernel.after(retryMs, () => {
        this.attempt(client, request, number, settled)
      })
      return
    }
    const attempt: Attempt<Node> = {
      id: this.operations.length,
      client,
      request,
      attempt: number,
      invokedAt: this.kernel.now,
      completedAt: undefined,
      result: undefined,
      node,
    }
    this.operations.push(attempt)
    this.open++
    this.options.invoked(attempt, node)
    let over = false
    const goOn = (): void => {
      if (over) return
      over = true
      if (!isOpen(attempt)) settled()
      else {
        this.kernel.after(this.random.exponential(retryMs), () => {
          this.attempt(client, request, number + 1, settled)
        })
      }
    }
    this.kernel.after(this.options.patienceMs, goOn)
    node.process.knock(() => {
      void this.ask(attempt).then((result) => {
        this.complete(attempt, result)
        goOn()
      })
    })
  }

  private complete(attempt: Attempt<Node>, result: OperationResult): void {
    if (attempt.result !== undefined) return
    this.open--
    attempt.completedAt = this.kernel.now
    attempt.result = result
    this.kernel.note(noteOf(attempt, result))
    if (this.kernel.onLine !== undefined) {
      this.kernel.show(`client ${attempt.client}: ${sentenceOf(attempt)}`)
    }
    this.run.completed?.(attempt)
    this.options.completed(attempt, attempt.node)
  }

  private async ask({ request, node }: Attempt<Node>): Promise<OperationResult> {
    const { type, address, name, input, key } = request
    const options = key === undefined ? {} : { idempotencyKey: key }
    try {
      const answer = await node.client[type](address, name, input, options)
      return { type: 'answered', value: answer.value, replayed: answer.replayed }
    } catch (error) {
      if (error instanceof Refused) {
        const { code, message, replayed } = error
        return { type: 'refused', code, detail: message, replayed }
      }
      if (!(error instanceof SuanpanError)) throw error
      return { type: 'fault', code: error.code, outcome: error.outcome }
    }
  }
}

/** Faults a retry does not mend. */
const finalFaults = new Set([
  'invalid_request',
  'unknown_kind',
  'unknown_command',
  'idempotency_conflict',
  'actor_failed',
  'quarantined',
])

/** True when the client must ask again: a keyed command or a query without a definite outcome. */
function isOpen({ request, result }: Operation): boolean {
  if (request.type === 'command' && request.key === undefined) return false
  if (result === undefined) return true
  return result.type === 'fault' && !finalFaults.has(result.code)
}

/** What of an attempt goes into the trace; the bytes of answers are in it already. */
function noteOf(
  { client, request: { name, key = '' }, attempt }: Attempt<unknown>,
  result: OperationResult,
) {
  const code = result.type === 'answered' ? '' : result.code
  return `${client} ${name} ${key} ${attempt} ${result.type} ${code}`
}

/** An attempt in a line. */
export function sentenceOf({ request, attempt, result }: Operation): string {
  const { address, name, input, key } = request
  const asked = `${address}.${name}(${input === undefined ? '' : JSON.stringify(input)}) ${key ?? ''} #${attempt}`
  return result === undefined ? asked : `${asked} → ${JSON.stringify(result)}`
}
