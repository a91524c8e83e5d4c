/**
 * Collects all garbage, and measures the rest.
 *
 * @returns {Promise<number>} The bytes in use.
 */
export async function usedHeap() {
  if (globalThis.Bun !== undefined) {
    const { heapStats } = await import("bun:jsc");
    for (let i = 0; i < 3; i++) globalThis.Bun.gc(true);
    return heapStats().heapSize;
  }
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    globalThis.gc();
  }
  return globalThis.process.memoryUsage().heapUsed;
}
