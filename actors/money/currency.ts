/**
 * The currencies of ISO 4217 with the number of decimal digits between major and minor units.
 *
 * C1. A code not in this table is no currency: metals, funds and test codes (XAU, CLF, XTS, …) are
 *     left out, because nothing can be paid in them. Earlier releases took funds, so the digits of
 *     these are still known: amounts of old accounts are shown as they are.
 */

/** Codes by exponent (ISO 4217 list one, 2024). */
const codesByExponent: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF',
  2:
    'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN ' +
    'BZD CAD CDF CHF CNY COP CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP ' +
    'GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK ' +
    'LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK ' +
    'NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP ' +
    'STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ' +
    'ZAR ZMW ZWG',
  3: 'BHD IQD JOD KWD LYD OMR TND',
}

/** Codes of funds by exponent. */
const fundsByExponent: Readonly<Record<number, string>> = {
  0: 'UYI',
  2: 'BOV CHE CHW COU MXV USN',
  4: 'CLF UYW',
}

const exponents = byCode(codesByExponent)
const fundExponents = byCode(fundsByExponent)

function byCode(codesOf: Readonly<Record<number, string>>): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(codesOf).flatMap(([exponent, codes]) =>
      codes.split(' ').map((code) => [code, Number(exponent)] as const),
    ),
  )
}

/** @returns true for a code of this table, upper case */
export function isCurrency(code: unknown): code is string {
  return typeof code === 'string' && exponents.has(code)
}

/** Decimal digits of a currency: JPY 0, CNY 2, KWD 3, or of a fund; undefined when there is none of this code. */
export function exponentOf(code: string): number | undefined {
  return exponents.get(code) ?? fundExponents.get(code)
}

/** All codes, sorted. */
export const currencies: readonly string[] = [...exponents.keys()].sort()
