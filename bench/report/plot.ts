/** Plots as inline SVG: axes, lines and bars, drawn by hand so that a report is one file without scripts. */
import { short } from './words.js'

/** Colours that can be told apart, also by most who see fewer of them (Okabe and Ito). */
export const colours = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#555555',
  '#b8a800',
]

export interface Axis {
  readonly label: string
  readonly log?: boolean
  readonly min: number
  readonly max: number
  /** Where lines are drawn, and what stands at them. */
  readonly ticks: readonly (readonly [value: number, label: string])[]
}

export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const width = 760
const height = 340
const left = 70
const right = 20
const top = 16
const bottom = 50

export function escape(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
}

/** Ticks of 1, 2 and 5 times powers of ten, over a range that holds all values. */
export function logAxis(label: string, values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0)
  const min = 10 ** Math.floor(Math.log10(Math.min(...positive, 1e9)))
  const max = Math.max(min * 10, ...positive) * 1.15
  const ticks: [number, string][] = []
  const steps = max / min > 1e3 ? [1] : [1, 2, 5]
  for (let decade = min; decade <= max; decade *= 10) {
    for (const step of steps) {
      const value = decade * step
      if (value <= max) ticks.push([value, short(value)])
    }
  }
  return { label, log: true, min, max, ticks }
}

/** From zero, in about five round steps. */
export function linearAxis(label: string, values: readonly number[]): Axis {
  const top = Math.max(1e-9, ...values) * 1.08
  const rough = top / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough
  const ticks: [number, string][] = []
  for (let value = 0; value <= top; value += step) ticks.push([value, short(value)])
  return { label, min: 0, max: top, ticks }
}

type Scale = (value: number) => number

function scale(axis: Axis, from: number, to: number): Scale {
  const place = axis.log === true ? Math.log10 : (value: number) => value
  const low = place(axis.min)
  const span = place(axis.max) - low || 1
  return (value) => {
    const clamped = Math.min(axis.max, Math.max(axis.min, value))
    return from + ((place(clamped) - low) / span) * (to - from)
  }
}

/** Lines over two axes, with a legend. */
export function linePlot(title: string, x: Axis, y: Axis, lines: readonly Line[]): string {
  const toX = scale(x, left, width - right)
  const toY = scale(y, height - bottom, top)
  const drawn = lines.map((line, i) => {
    const colour = colours[i % colours.length]!
    const dash = i >= colours.length ? ' stroke-dasharray="6 4"' : ''
    const at = line.points.map(([px, py]) => `${toX(px).toFixed(1)},${toY(py).toFixed(1)}`)
    const dots = at.map((point) => {
      const [cx, cy] = point.split(',')
      return `<circle cx="${cx!}" cy="${cy!}" r="2.6" fill="${colour}"/>`
    })
    return `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>${dots.join('')}`
  })
  return figure(title, svg(height, frame(x, y, toX, toY) + drawn.join('')), legend(lines))
}

export interface Bar {
  readonly name: string
  readonly value: number
  readonly min: number
  readonly max: number
  readonly words: string
}

const barHeight = 30
const barLabel = 210

/** Horizontal bars from zero with a whisker from the smallest to the largest round. */
export function barPlot(title: string, bars: readonly Bar[]): string {
  const most = Math.max(1e-9, ...bars.map(({ max, value }) => Math.max(max, value)))
  const place = (value: number): number => barLabel + (value / most) * (width - barLabel - 190)
  const drawn = bars.map(({ name, value, min, max, words }, i) => {
    const y = 8 + i * barHeight
    const middle = y + 10
    const whisker =
      max > min
        ? `<path d="M${place(min).toFixed(1)} ${middle}H${place(max).toFixed(1)}M${place(min).toFixed(1)} ${middle - 4}v8M${place(max).toFixed(1)} ${middle - 4}v8" stroke="#111" stroke-width="1.4"/>`
        : ''
    return [
      `<text x="${barLabel - 10}" y="${middle + 4}" text-anchor="end">${escape(name)}</text>`,
      `<rect x="${barLabel}" y="${y}" width="${Math.max(1, place(value) - barLabel).toFixed(1)}" height="20" rx="2" fill="${colours[i % colours.length]!}"/>`,
      whisker,
      `<text x="${(place(Math.max(value, max)) + 8).toFixed(1)}" y="${middle + 4}">${escape(words)}</text>`,
    ].join('')
  })
  return figure(title, svg(16 + bars.length * barHeight, drawn.join('')), '')
}

function frame(x: Axis, y: Axis, toX: Scale, toY: Scale): string {
  const foot = height - bottom
  const vertical = x.ticks.map(
    ([value, label]) =>
      `<path d="M${toX(value).toFixed(1)} ${top}V${foot}" class="grid"/><text x="${toX(value).toFixed(1)}" y="${foot + 18}" text-anchor="middle">${escape(label)}</text>`,
  )
  const horizontal = y.ticks.map(
    ([value, label]) =>
      `<path d="M${left} ${toY(value).toFixed(1)}H${width - right}" class="grid"/><text x="${left - 8}" y="${(toY(value) + 4).toFixed(1)}" text-anchor="end">${escape(label)}</text>`,
  )
  const middle = (top + foot) / 2
  return [
    ...vertical,
    ...horizontal,
    `<path d="M${left} ${top}V${foot}H${width - right}" class="axis"/>`,
    `<text x="${(left + width - right) / 2}" y="${height - 8}" text-anchor="middle" class="label">${escape(x.label)}</text>`,
    `<text transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle" class="label">${escape(y.label)}</text>`,
  ].join('')
}

function svg(tall: number, content: string): string {
  return `<svg viewBox="0 0 ${width} ${tall}" role="img">${content}</svg>`
}

function legend(lines: readonly Line[]): string {
  const items = lines.map(
    ({ name }, i) =>
      `<span><i style="background:${colours[i % colours.length]!}"></i>${escape(name)}</span>`,
  )
  return `<div class="legend">${items.join('')}</div>`
}

function figure(title: string, drawing: string, below: string): string {
  return `<figure><figcaption>${escape(title)}</figcaption>${drawing}${below}</figure>`
}
