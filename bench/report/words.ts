/** Numbers as people read them. */
const groups = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `1,236,668`. */
export function count(value: number): string {
  return groups.format(value)
}

/** Three digits that matter: `0.042`, `4.21`, `38.5`, `1,204`. */
export function short(value: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 100) return count(value)
  return value
    .toPrecision(3)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')
}

export function bytes(value: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  let unit = 0
  let scaled = value
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024
    unit++
  }
  return unit === 0 ? `${count(scaled)} bytes` : `${scaled.toFixed(1)} ${units[unit]!}`
}

/** `0.52 × limit`. */
export function ratioWords(
  ratio: { readonly of: string; readonly value: number } | undefined,
): string {
  if (ratio === undefined) return ''
  return `${ratio.value >= 10 ? ratio.value.toFixed(1) : ratio.value.toFixed(2)} × ${ratio.of}`
}
