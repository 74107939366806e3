/** The payment campaign up to its first finding, for the runner of mutants. */
import { paymentOracles } from '../judge.js'
import { simulate } from '../kit.js'
import { paymentWorkload } from '../workload.js'
import { findFirst } from './find-first.js'

const subject = { workload: paymentWorkload, oracles: [paymentOracles], short: true }

await findFirst((seed) => simulate({ seed, ...subject }))
