/** A scenario that could not be run, in one sentence for the user. */
export class BenchFailed extends Error {
  override readonly name = 'BenchFailed'
}

/** A scenario that was asked for wrongly: unknown, or an option it can't take. */
export class BenchUsage extends Error {
  override readonly name = 'BenchUsage'
}
