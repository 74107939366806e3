/** Root of the repository: the same from the sources and from the build. */
import { existsSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Ends with a separator. */
export const root = rootAbove(fileURLToPath(new URL('.', import.meta.url)))

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json'))
    ? folder.replace(/[\\/]?$/, sep)
    : rootAbove(dirname(folder))
}
