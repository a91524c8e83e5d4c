/** What a {@linkcode LinkedList} holds: a node knows its neighbours, so that it can leave from anywhere at once. */
export interface LinkedNode<N> {
  /** The node before, `undefined` for the first one. */
  previous: N | undefined;
  /** The node behind, `undefined` for the last one. */
  next: N | undefined;
}

/**
 * A line of nodes. Each operation takes the same time whatever its length, and what has left is garbage at once.
 *
 * A node stands in one list at the most.
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

  /** Takes a node out. It has to be in the list. */
  remove(node: N): void {
    const { previous, next } = node;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // An old node that still pointed at young ones would keep them alive until the next full collection.
    node.previous = node.next = undefined;
  }

  /** Takes out the node at the head. */
  shift(): N | undefined {
    const first = this.#first;
    if (first !== undefined) this.remove(first);
    return first;
  }
}
