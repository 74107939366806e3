/**
 * The shapes of objects met so far: field names are written once, values follow one another.
 *
 * C4. Shapes are bounded: objects beyond the bound carry their names themselves.
 * C5. The tree of names is shared by all tables and stays in the cache; it only finds numbers faster.
 *     What a table says follows from what was written with it alone: same data, same bytes.
 */
import { assertName } from './plain-rules.js'

const shapesMax = 512
/** Names in a tree, about; a fuller one is left for a new one. */
const nodesMax = 8_192

/** A tree of field names. */
class ShapeTree {
  readonly root = new ShapeNode(this)
  nodes = 0
  /** Places in it where a shape ends. */
  ends = 0
}

/** One place in the tree of field names: objects with the same names in the same order end here. */
export class ShapeNode {
  readonly tree: ShapeTree
  /** Names that may come next, and where they lead. Seldom more than a few. */
  readonly names: string[] = []
  readonly nodes: ShapeNode[] = []
  /** The step taken last, tried first: objects of one call site look the same. */
  lastName: string | undefined = undefined
  lastNode: ShapeNode | undefined = undefined
  /** Which end of a shape this is in its tree; −1 when it is none. */
  end = -1
  /** The names on the way here, once they were a shape of a table. */
  shape: readonly string[] | undefined = undefined
  /** Writes the values of an object whose names end here. */
  write: WriteValues = writeEach
  /** Objects that were written with {@link writeEach}. */
  written = 0

  constructor(tree: ShapeTree) {
    this.tree = tree
  }
}

/** Takes the values of an object, in order. */
export interface ValueSink {
  value(value: unknown): void
}

export type WriteValues = (to: ValueSink, from: Record<string, unknown>) => void

/** Objects of one shape before a writer of their own is compiled: a map that comes once is not worth it. */
const compiledAfter = 64
/** Fields of a shape that has one. */
const compiledFieldsMax = 64

const writeEach: WriteValues = (to, from) => {
  for (const name in from) to.value(from[name])
}

/** How the values of an object whose names end at a node are written: of shapes that come often by a writer of their own. */
export function writerAt(node: ShapeNode, value: object): WriteValues {
  if (node.written < compiledAfter && ++node.written === compiledAfter) node.write = compile(value)
  return node.write
}

/** As the readers of packed data are: field by field, without a look at names. */
function compile(value: object): WriteValues {
  const names = namesOf(value)
  if (names.length > compiledFieldsMax) return writeEach
  const steps = names.map((name) => `to.value(from[${JSON.stringify(name)}])`)
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- quoted: a name is nothing but a name
  return new Function('to', 'from', steps.join(';')) as WriteValues
}

// A memo of a pure function, not state: see C5.
let sharedTree = new ShapeTree()

/** One name further down a tree. */
export function stepTo(from: ShapeNode, name: string): ShapeNode {
  const { names } = from
  let at = 0
  // Names of fields are the same string, not only equal ones: this is a comparison of pointers.
  while (at < names.length && names[at] !== name) at++
  let node = from.nodes[at]
  if (node === undefined) {
    node = new ShapeNode(from.tree)
    from.tree.nodes++
    names.push(name)
    from.nodes.push(node)
  }
  from.lastName = name
  from.lastNode = node
  return node
}

/** Where the names of an object begin. */
export function shapeRoot(): ShapeNode {
  if (sharedTree.nodes >= nodesMax) sharedTree = new ShapeTree()
  return sharedTree.root
}

/**
 * Names of an object's fields, as its values are walked over: with inherited ones. A list that is shorter
 * than the values would make all that follows unreadable.
 * @throws TypeError for a name that can't be written, or that no object can be given back
 */
export function namesOf(value: object): string[] {
  const names: string[] = []
  for (const name in value) {
    assertName(name)
    names.push(name)
  }
  return names
}

/** The shapes of objects met so far, by number. Kept beside the bytes. */
export class ShapeTable {
  shapes: (readonly string[])[] = []
  /** Numbers by end of shape in a tree; −1 for shapes this table does not have. */
  private tree = sharedTree
  private numbers = new Int16Array(32).fill(-1)

  constructor(shapes: readonly (readonly string[])[] = []) {
    for (const names of shapes) this.shapes.push([...names])
    if (shapes.length > 0) this.moveTo(sharedTree)
  }

  /** Begins a new list of shapes. */
  clear(): void {
    this.shapes = []
    this.numbers.fill(-1)
  }

  /** @returns the number of the shape that ends at a node, −1 when there is no room for it */
  numberAt(node: ShapeNode, value: object): number {
    if (node.tree !== this.tree) this.moveTo(node.tree)
    const number = node.end < 0 ? -1 : (this.numbers[node.end] ?? -1)
    if (number >= 0) return number
    if (this.shapes.length >= shapesMax) return -1
    this.shapes.push((node.shape ??= namesOf(value)))
    this.setNumber(node, this.shapes.length - 1)
    return this.shapes.length - 1
  }

  private setNumber(node: ShapeNode, number: number): void {
    if (node.end < 0) node.end = node.tree.ends++
    if (node.end >= this.numbers.length) {
      const numbers = new Int16Array(Math.max(this.numbers.length * 2, node.end + 1)).fill(-1)
      numbers.set(this.numbers)
      this.numbers = numbers
    }
    this.numbers[node.end] = number
  }

  /** Finds its shapes again in another tree. */
  private moveTo(tree: ShapeTree): void {
    this.tree = tree
    this.numbers.fill(-1)
    this.shapes.forEach((names, number) => {
      let node = tree.root
      for (const name of names) node = stepTo(node, name)
      this.setNumber(node, number)
    })
  }
}
