/** The command `npm run mutants -- [--only NAME,…] [--seeds N] [--fast]`. */
import { planting } from '../mutants/index.js'
import { mutantsCommand } from './mutants-command.js'

await mutantsCommand(planting)
