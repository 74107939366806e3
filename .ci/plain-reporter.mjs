// Prints the one line a machine reads at the end of a test run: `N passed, N failed, N skipped`.
export default class PlainReporter {
  onTestRunEnd(modules) {
    const count = { passed: 0, failed: 0, skipped: 0 }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      for (const test of tests) count[test.result().state] = (count[test.result().state] ?? 0) + 1
      if (tests.length === 0 && !module.ok()) count.failed++
    }
    process.stdout.write(
      `\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`,
    )
  }
}
