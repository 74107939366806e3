import { describe, expect, it } from 'vitest'
import { amountIn, amountOf, partyPath } from './money.js'

describe('M1: amounts', () => {
  it.each([
    ['3500', 'CNY', 3500],
    ['35.00', 'CNY', 3500],
    ['0.05', 'CNY', 5],
    ['1.234', 'KWD', 1234],
    ['500', 'JPY', 500],
    ['9007199254740991', 'CNY', 9007199254740991],
  ])('%s %s is %i minor units', (text, currency, minor) => {
    expect(amountOf(text, currency)).toBe(minor)
  })

  it.each([
    ['35.0', 'CNY'],
    ['35.', 'CNY'],
    ['.35', 'CNY'],
    ['35.000', 'CNY'],
    ['5.0', 'JPY'],
    ['0', 'CNY'],
    ['0.00', 'CNY'],
    ['-1', 'CNY'],
    ['1e3', 'CNY'],
    ['1,000', 'CNY'],
    ['9007199254740992', 'CNY'],
    ['90071992547409.92', 'CNY'],
    ['', 'CNY'],
  ])('%j %s is none', (text, currency) => {
    expect(() => amountOf(text, currency)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it('asks for a currency only where the amount has a point', async () => {
    let asked = 0
    const kuwait = (): Promise<string> => {
      asked++
      return Promise.resolve('KWD')
    }
    expect(await amountIn('3500', kuwait)).toBe(3500)
    for (const none of ['', '12.', '1.2.3', 'x', '0'])
      await expect(amountIn(none, kuwait)).rejects.toMatchObject({ code: 'usage' })
    expect(asked).toBe(0)
    expect(await amountIn('3.500', kuwait)).toBe(3500)
    await expect(amountIn('3.50', kuwait)).rejects.toMatchObject({ code: 'usage' })
    expect(asked).toBe(2)
  })
})

it('a bare id is an account', () => {
  expect(partyPath('alice')).toBe('/v1/accounts/alice')
  expect(partyPath('merchant/tea@home')).toBe('/v1/merchants/tea%40home')
})
