/** What a {@linkcode Heap} holds. A node knows where it stands, so that it can be removed. */
export interface HeapNode {
  /** The node with the lowest place is the first one. It must not change while the node is in the heap. */
  place: number;
  /** Where the node stands in its heap; -1 if it is in none. The heap sets it. */
  index: number;
}

/**
 * A set of nodes that knows its first one. Adding and removing a node takes logarithmic time.
 *
 * @typeParam N The nodes.
 */
export class Heap<N extends HeapNode> {
  // A binary tree: the children of the node at `index` stand at `2 * index + 1` and `2 * index + 2`, and are not before it.
  readonly #nodes: N[] = [];

  /** The node with the lowest place. */
  get first(): N | undefined {
    return this.#nodes[0];
  }

  /** Adds a node that is not in the heap. */
  add(node: N): void {
    this.#rise(node, this.#nodes.length);
  }

  /** Removes a node that is in the heap. */
  remove(node: N): void {
    const last = this.#nodes.pop()!;
    const { index } = node;
    node.index = -1;
    if (last === node) return;
    // One of the two does nothing.
    this.#rise(last, index);
    this.#sink(last, last.index);
  }

  /** Puts a node at an index, or where a parent stands that is behind it. */
  #rise(node: N, index: number): void {
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#nodes[above]!;
      if (parent.place <= node.place) break;
      this.#put(parent, index);
      index = above;
    }
    this.#put(node, index);
  }

  /** Puts a node at an index, or where a child stands that is before it. */
  #sink(node: N, index: number): void {
    for (;;) {
      let below = 2 * index + 1;
      const right = this.#nodes[below + 1];
      if (right !== undefined && right.place < this.#nodes[below]!.place) below++;
      const child = this.#nodes[below];
      if (child === undefined || child.place >= node.place) break;
      this.#put(child, index);
      index = below;
    }
    this.#put(node, index);
  }

  #put(node: N, index: number): void {
    this.#nodes[index] = node;
    node.index = index;
  }
}
