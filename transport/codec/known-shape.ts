/**
 * The shape of objects that are made in one place and look the same each time: their fields are written one
 * by one, without a walk over names.
 */
import { namesOf, shapeRoot, stepTo, type ShapeNode, type ShapeTable } from './shape-table.js'

/** Takes the fields' values, in order. */
export interface ValueSink {
  value(value: unknown): void
}

type WriteFields = (to: ValueSink, from: object) => void

export class KnownShape {
  readonly names: readonly string[]
  /** Writes the fields of such an object. */
  readonly write: WriteFields
  private node: ShapeNode

  /** @param sample an object like all the others: plain data with at least one field */
  constructor(sample: object) {
    this.names = namesOf(sample)
    const steps = this.names.map((name) => `to.value(from[${JSON.stringify(name)}])`)
    // Compiled, as the readers of packed data are.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- quoted: a name is nothing but a name
    this.write = new Function('to', 'from', steps.join(';')) as WriteFields
    this.node = this.find()
  }

  /** Its number in a table, added to it at need; −1 when the table has no room. */
  numberIn(table: ShapeTable, value: object): number {
    if (this.node.tree !== shapeRoot().tree) this.node = this.find()
    return table.numberAt(this.node, value, this.names)
  }

  private find(): ShapeNode {
    let node = shapeRoot()
    for (const name of this.names) node = stepTo(node, name)
    return node
  }
}
