/** Plain data as a text that is equal for equal data, whatever the order of fields. */
export function canonical(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  const fields = value as Readonly<Record<string, unknown>>
  let text = ''
  for (const name of Object.keys(fields).sort()) {
    // As in JSON: a field without a value is none.
    if (fields[name] !== undefined) text += `"${name}":${canonical(fields[name])},`
  }
  return `{${text}}`
}

const texts = new WeakMap<object, string>()

/** The same for an object that never changes, written only once. */
export function canonicalOnce(value: unknown): string {
  if (typeof value !== 'object' || value === null) return canonical(value)
  let text = texts.get(value)
  if (text === undefined) texts.set(value, (text = canonical(value)))
  return text
}
