/** What a {@linkcode LinkedList} holds. A node knows its neighbours, so that removing it takes constant time. */
export interface LinkedNode<N> {
  /** The node before this one; `undefined` for the first node. */
  previous: N | undefined;
  /** The node behind this one; `undefined` for the last node. */
  next: N | undefined;
}

/**
 * A list of nodes. Each operation takes constant time, and a removed node is garbage at once.
 *
 * A node stands in at most one list.
 *
 * @typeParam N The nodes.
 */
export class LinkedList<N extends LinkedNode<N>> {
  #first: N | undefined;
  #last: N | undefined;

  /** The node at the head. */
  get first(): N | undefined {
    return this.#first;
  }

  /** Adds a node at the tail. */
  push(node: N): void {
    const last = this.#last;
    node.previous = last;
    if (last === undefined) this.#first = node;
    else last.next = node;
    this.#last = node;
  }

  /** Adds a node at the head. */
  unshift(node: N): void {
    const first = this.#first;
    node.next = first;
    if (first === undefined) this.#last = node;
    else first.previous = node;
    this.#first = node;
  }

  /** Removes a node. It must be in the list. */
  remove(node: N): void {
    const { previous, next } = node;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // An old node that still points at young nodes would keep them alive until the next full collection.
    node.previous = node.next = undefined;
  }

  /** Removes and returns the node at the head. */
  shift(): N | undefined {
    const first = this.#first;
    if (first !== undefined) this.remove(first);
    return first;
  }
}
