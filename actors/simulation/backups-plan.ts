/** A node with several threads, backed up again and again under load, that nothing else befalls. */
const never = Infinity
const faults = {
  ...{ kill: never, powerLoss: never, pause: never, takeOver: never, clockJump: never },
  ...{ partition: never, slowDisk: never, diskFull: never, syncError: never, cleanRestart: never },
  ...{ crashInRecovery: 0, clockSkewMs: 0 },
}

export const backupsPlan = {
  ...{ threads: 3, shards: 6, nearCalls: false, mailboxMessages: 1024, faults, backupMs: 15 },
  ...{ clients: 8, operations: 500, thinkMs: 1, diskLatencyMs: 0.1, networkLatencyMs: 0.1 },
  ...{ shortWrites: 0, loss: 0, answerLoss: 0, killAtWrite: 0, powerLossAtWrite: 0 },
}
