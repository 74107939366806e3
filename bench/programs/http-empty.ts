/** A measured process: a Fastify server whose one route reads JSON and answers JSON, and does nothing. */
import Fastify from 'fastify'
import { startMeter, type MeterReading } from '../harness/meter.js'
import { serveOrders } from '../harness/program.js'

const app = Fastify()
let stop: (() => MeterReading) | undefined

/** As long as the answer of a payment. */
const answer = {
  id: 'p1k-3f4g',
  status: 'settled',
  payer: 'account/a12345',
  payee: 'merchant/m12345',
  amount: 100,
  captured: 100,
  refunded: 0,
  currency: 'CNY',
  createdAt: '2026-01-01T00:00:00.000Z',
  settledAt: '2026-01-01T00:00:00.001Z',
}

app.post('/v1/payments', (_request, reply) => {
  void reply.code(201).send(answer)
})

serveOrders({
  open: async () => ({ url: await app.listen({ host: '127.0.0.1', port: 0 }) }),
  startMeter(): void {
    stop = startMeter()
  },
  stopMeter: () => stop!(),
  close: () => app.close(),
})
