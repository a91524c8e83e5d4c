/** What decorators of the proposal from 2018 receive instead of a class or a method. */
interface Descriptor {
  readonly kind: string;
  readonly elements?: unknown;
  readonly placement?: unknown;
  readonly key?: PropertyKey | undefined;
}

/**
 * Refuses a decorator that was compiled as in an old proposal, as Next does unless it is told otherwise.
 *
 * @param decorated What the decorator received.
 * @param role What the decorator makes of it.
 * @throws {TypeError} If it is a descriptor of the old proposal.
 */
export function refuseOldDecorator(decorated: unknown, role: string): void {
  if (typeof decorated !== "object" || decorated === null) return;
  const { kind, elements, placement, key } = decorated as Partial<Descriptor>;
  if (typeof kind !== "string" || (elements === undefined && placement === undefined)) return;
  const name = key === undefined ? `a ${kind}` : `"${String(key)}"`;
  throw new TypeError(
    `Cannot use ${name} as ${role}: its decorator was compiled as in an old proposal. Set "experimentalDecorators": true in ` +
      'tsconfig.json, or the version "2023-11" in the options of the compiler',
  );
}
