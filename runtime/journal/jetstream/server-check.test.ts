import { describe, expect, it } from 'vitest'
import type { NatsFacts } from '../../../transport/index.js'
import { durabilityFindings } from './server-check.js'

const good: NatsFacts = {
  serverVersion: '2.15.1',
  maxPayloadBytes: 1024 * 1024,
  servers: 3,
  syncAlways: true,
}
const opened = [{ name: 'SHARD_a_0', replicas: 3 }]

function codes(facts: Partial<NatsFacts>, replicas = 3, given = opened): string[] {
  const findings = durabilityFindings({ ...good, ...facts }, { replicas }, given)
  return findings.map(({ code, severity }) => `${severity} ${code}`)
}

describe('X6: what an operator must know of NATS', () => {
  it('nothing, when all is as it should be', () => {
    expect(codes({})).toEqual([])
    expect(codes({ serverVersion: '2.12.7' })).toEqual([])
    expect(codes({ serverVersion: '3.0.0' })).toEqual([])
  })

  it.each<[Partial<NatsFacts>, string]>([
    [{ serverVersion: '2.9.10' }, 'refuse server_too_old'],
    [{ serverVersion: '2.10.22' }, 'refuse server_too_old'],
    [{ serverVersion: '2.10.23' }, 'warn server_with_known_bugs'],
    [{ serverVersion: '2.12.6-beta.1' }, 'warn server_with_known_bugs'],
    [{ syncAlways: false }, 'refuse sync_interval'],
    [{ servers: 2 }, 'warn too_few_servers'],
    [{ maxPayloadBytes: 65_536 }, 'refuse small_payload'],
  ])('%j: %s', (facts, finding) => {
    expect(codes(facts)).toEqual([finding])
  })

  it('that servers do not tell how they sync', () => {
    const { syncAlways: _, ...silent } = good
    const findings = durabilityFindings(silent, { replicas: 3 }, opened)
    expect(findings.map(({ code }) => code)).toEqual(['sync_interval_unknown'])
  })

  it('streams with fewer replicas than asked for, by name; one replica at all', () => {
    expect(codes({}, 3, [{ name: 'SHARD_a_7', replicas: 1 }])).toEqual(['refuse too_few_replicas'])
    expect(codes({}, 5, [{ name: 'SHARD_a_7', replicas: 3 }])).toContain('refuse too_few_replicas')
    expect(codes({}, 1, [])).toEqual(['warn one_replica'])
    expect(codes({}, 1)).toEqual(['warn more_replicas', 'warn one_replica'])
    const [finding] = durabilityFindings(good, { replicas: 3 }, [
      { name: 'SHARD_a_7', replicas: 1 },
    ])
    expect(finding?.sentence).toContain('SHARD_a_7')
  })
})
