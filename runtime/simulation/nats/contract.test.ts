import { natsContract } from '../../../transport/nats/testing/index.js'
import { FaultCounts } from '../faults.js'
import { Kernel } from '../kernel.js'
import { Random } from '../random.js'
import { SimulatedNatsService } from './service.js'
import { fairWeather } from './weather.js'

natsContract('the simulated NATS', () => {
  const kernel = new Kernel()
  const service = new SimulatedNatsService({
    kernel,
    random: new Random(3, 'nats'),
    weather: fairWeather(),
    counts: new FaultCounts(),
  })
  const process = (): { alive: boolean; paused: boolean; defer: () => void } => ({
    alive: true,
    paused: false,
    defer: () => undefined,
  })
  return Promise.resolve({
    nats: service.connect(process()),
    other: service.connect(process()),
    replicas: 3,
    settle: async (promise) => {
      let settled = false
      const end = (): void => {
        settled = true
      }
      promise.then(end, end)
      await kernel.run(() => settled)
      return promise
    },
    close: () => Promise.resolve(),
  })
})
