import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { Heap, type HeapNode } from "../src/queue/memory/heap.ts";

Deno.test("Heap.first is the node with the lowest place, whatever was added and removed", () => {
  const steps = fc.array(fc.oneof(fc.record({ add: fc.nat(1_000) }), fc.record({ remove: fc.nat(1_000) })), {
    maxLength: 120,
    size: "max",
  });
  fc.assert(
    fc.property(steps, (steps) => {
      const heap = new Heap<HeapNode>();
      const nodes: HeapNode[] = [];
      for (const [index, step] of steps.entries()) {
        if ("add" in step) {
          // Each place is there once, as in a queue.
          const node = { place: step.add + index / 1_000, index: -1 };
          heap.add(node);
          nodes.push(node);
        } else if (nodes.length > 0) {
          const [node] = nodes.splice(step.remove % nodes.length, 1);
          heap.remove(node!);
          assertEquals(node!.index, -1);
        }
        assertStrictEquals(heap.first, nodes.toSorted((some, other) => some.place - other.place)[0]);
      }
    }),
    { numRuns: 500 },
  );
});
