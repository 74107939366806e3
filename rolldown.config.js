/**
 * Bundles the command line and the threads of a runtime into a few files in the place of hundreds, so that a node
 * starts in two thirds of the time. The library stays as it is compiled, a file a module. Run by `npm run build`.
 */
import { readdirSync, rmSync } from 'node:fs'
import { rolldown } from 'rolldown'

const bundle = await rolldown({
  platform: 'node',
  // Side by side, by these names: threads are started, and actors imported by them, from files beside the code.
  input: {
    suanpan: 'dist/cluster/cli/main.js',
    'shard-worker': 'dist/runtime/threads/shard-worker.js',
    'recovery-worker': 'dist/runtime/threads/recovery-worker.js',
    module: 'dist/actors/module.js',
  },
  // Our own code alone: packages are found where they are installed.
  external: /^[^./]/,
})
const { output } = await bundle.write({
  dir: 'dist/bin',
  format: 'esm',
  entryFileNames: '[name].js',
  // The same names each time: who runs while this is built anew finds what it has not loaded yet.
  chunkFileNames: '[name].part.js',
})
await bundle.close()
// Parts that this build has not made belong to an older one. Removed last, for the sake of who runs meanwhile.
const made = new Set(output.map(({ fileName }) => fileName))
for (const name of readdirSync('dist/bin')) if (!made.has(name)) rmSync(`dist/bin/${name}`)
