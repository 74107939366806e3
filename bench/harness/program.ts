/**
 * The child's side of a measured process: answers the harness's orders one by one, and ends with it.
 */
/** What a program can be asked to do. Each order takes and returns plain data. */
// `any`: every order has its own input; the harness's side names the type it expects back.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Orders = Record<string, (input: any) => unknown>

export interface OrderMessage {
  readonly number: number
  readonly order: string
  readonly input: unknown
}

export interface OrderAnswer {
  readonly number: number
  readonly value?: unknown
  readonly error?: { readonly code?: string; readonly message: string }
}

/** Serves orders until the harness goes away or says `exit`. */
export function serveOrders(orders: Orders): void {
  const send = (answer: OrderAnswer): void => {
    process.send?.(answer)
  }
  process.on('disconnect', () => process.exit(1))
  process.on('message', (message: OrderMessage) => {
    const { number, order, input } = message
    const run = orders[order]
    if (run === undefined) {
      send({ number, error: { message: `It has no order ${order}.` } })
      return
    }
    Promise.resolve()
      .then(() => run(input))
      .then((value) => send({ number, value }))
      .catch((error: unknown) => {
        const { code, message } = error as { code?: string; message: string }
        send({ number, error: { ...(code === undefined ? {} : { code }), message } })
      })
  })
}
