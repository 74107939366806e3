/**
 * The currencies of ISO 4217 with the number of decimal digits between major and minor units.
 *
 * C1. A code not in this table is no currency: metals, funds and test codes (XAU, XXX, XTS, …) are
 *     left out, because nothing can be paid in them.
 */

/** Codes by exponent (ISO 4217 list one, 2024). */
const codesByExponent: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  2:
    'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN ' +
    'BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP ' +
    'GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK ' +
    'LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK ' +
    'NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP ' +
    'STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ' +
    'ZAR ZMW ZWG',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
}

const exponents: ReadonlyMap<string, number> = new Map(
  Object.entries(codesByExponent).flatMap(([exponent, codes]) =>
    codes.split(' ').map((code) => [code, Number(exponent)] as const),
  ),
)

/** @returns true for a code of this table, upper case */
export function isCurrency(code: unknown): code is string {
  return typeof code === 'string' && exponents.has(code)
}

/** Decimal digits of a currency: JPY 0, CNY 2, KWD 3; undefined when there is no such currency. */
export function exponentOf(code: string): number | undefined {
  return exponents.get(code)
}

/** All codes, sorted. */
export const currencies: readonly string[] = [...exponents.keys()].sort()
