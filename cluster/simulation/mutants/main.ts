/** The command `npm run mutants:cluster -- [--only NAME,…] [--seeds N] [--fast]`. */
import { mutantsCommand } from '../../../actors/simulation/testing/index.js'
import { planting } from './index.js'

await mutantsCommand(planting)
