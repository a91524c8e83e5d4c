/**
 * The value below which a part of the values lies.
 *
 * @param values The values, at least one.
 * @param part The part, from 0 to 1.
 * @returns The value.
 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * part)]!;
}
