/**
 * The shapes of objects met so far: field names are written once, values follow one another.
 *
 * C4. Shapes are bounded: objects beyond the bound carry their names themselves.
 */

const shapesMax = 512
/** Names in the tree of all shapes; beyond it objects carry their names themselves. */
const nodesMax = 8_192

/** One place in the tree of field names: objects with the same names in the same order end here. */
export class ShapeNode {
  /** Names that may come next, and where they lead. Seldom more than one or two. */
  readonly names: string[] = []
  readonly nodes: ShapeNode[] = []
  /** The step taken last, tried first: objects of one call site look the same. */
  lastName = ''
  lastNode: ShapeNode | undefined = undefined
  /** Number of the shape that ends here, valid in one generation of its table. */
  shape = -1
  generation = -1
}

/** The shapes of objects met so far, by number. Kept beside the bytes. */
export class ShapeTable {
  shapes: string[][] = []
  root = new ShapeNode()
  private nodes = 0
  private generation = 0

  constructor(shapes: readonly (readonly string[])[] = []) {
    for (const shape of shapes) {
      let node = this.root
      for (const name of shape) node = this.step(node, name)!
      this.number(node, [...shape])
    }
  }

  /** Begins a new list of shapes. What is known of names stays, so that it is found again quickly. */
  clear(): void {
    this.shapes = []
    this.generation++
    if (this.nodes < nodesMax) return
    this.root = new ShapeNode()
    this.nodes = 0
  }

  /** One name further down the tree; undefined when there is no room for a new one. */
  step(from: ShapeNode, name: string): ShapeNode | undefined {
    const { names } = from
    let at = 0
    // Names of fields are the same string, not only equal ones: this is a comparison of pointers.
    while (at < names.length && names[at] !== name) at++
    let node = from.nodes[at]
    if (node === undefined) {
      if (this.nodes >= nodesMax) return undefined
      node = new ShapeNode()
      this.nodes++
      from.names.push(name)
      from.nodes.push(node)
    }
    from.lastName = name
    from.lastNode = node
    return node
  }

  /** @returns the number of the shape that ends at a node, −1 when there is no room for it */
  numberAt(node: ShapeNode, value: object): number {
    if (node.generation === this.generation) return node.shape
    return this.shapes.length < shapesMax ? this.number(node, Object.keys(value)) : -1
  }

  private number(node: ShapeNode, names: string[]): number {
    node.generation = this.generation
    node.shape = this.shapes.length
    this.shapes.push(names)
    return node.shape
  }
}
