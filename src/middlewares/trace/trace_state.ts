/** What the systems that trace have to say of a trace, each under its own key, in the shape of OpenTelemetry's API. */
export interface TraceState {
  /** Reads the value of a key. */
  get(key: string): string | undefined;
  /** Makes a state in which a key has a value. */
  set(key: string, value: string): TraceState;
  /** Makes a state without a key. */
  unset(key: string): TraceState;
  /** Writes the header `tracestate`. */
  serialize(): string;
}

// By the W3C's Trace Context a header has 32 members at most, each a key and a value of printable ASCII.
const MAX_MEMBERS = 32;
const MEMBER = /^([a-z0-9][\w\-*/@]*)=([\x20-\x2b\x2d-\x3c\x3e-\x7e]+)$/;

/**
 * Reads the header `tracestate` of the W3C's Trace Context. Members that are not valid are left out.
 *
 * @param tracestate The header, or any other value.
 * @returns The state; `undefined` if the header says nothing.
 */
export function parseTraceState(tracestate: unknown): TraceState | undefined {
  const members = new Map<string, string>();
  for (const member of typeof tracestate === "string" ? tracestate.split(",") : []) {
    const [, key, value] = MEMBER.exec(member.trim()) ?? [];
    if (key !== undefined && value !== undefined && members.size < MAX_MEMBERS) members.set(key, value);
  }
  return members.size === 0 ? undefined : new TraceStateMembers(members);
}

class TraceStateMembers implements TraceState {
  readonly #members: ReadonlyMap<string, string>;

  constructor(members: ReadonlyMap<string, string>) {
    this.#members = members;
  }

  get(key: string): string | undefined {
    return this.#members.get(key);
  }

  // What was changed last comes first.
  set(key: string, value: string): TraceState {
    return new TraceStateMembers(new Map([[key, value], ...this.#without(key)]));
  }

  unset(key: string): TraceState {
    return new TraceStateMembers(new Map(this.#without(key)));
  }

  serialize(): string {
    return Array.from(this.#members, ([key, value]) => `${key}=${value}`).join(",");
  }

  #without(key: string): [string, string][] {
    return [...this.#members].filter(([other]) => other !== key);
  }
}
