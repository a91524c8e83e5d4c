import type { HandlerContext } from "../../context.ts";
import { ANONYMOUS } from "../../internal/function_name.ts";
import { classOf, prototypeOf } from "../../message_class.ts";
import { describe, nameOf } from "../../naming.ts";

/** Says what the key of a message belongs to: its class, and on the event bus its handler. */
export type KeyPrefix = (message: object, context: HandlerContext) => string;

/**
 * Makes the function that says what the key of a message belongs to. It gives each class and each handler a name of its
 * own. Where the names are stored, it refuses those that would belong to another class or handler once the process starts
 * again.
 *
 * @param name Names the class of a message, the same way in each process; `undefined` if it has no name.
 * @param options Whether the names are gone with the process, so that any will do that is unique within it.
 * @returns The function.
 */
export function newKeyPrefix(
  name: (message: object, context: HandlerContext) => string | undefined,
  { isVolatile }: { readonly isVolatile: boolean },
): KeyPrefix {
  const owners = newOwners();
  const uniqueNameOf = newUniqueNames();

  return function keyPrefix(message, context) {
    const { kind, handler } = context;
    const type = classOf(prototypeOf(message));
    const given = name(message, context);
    const prefix = `${kind}:${given === undefined && isVolatile ? uniqueNameOf(type) : stableName(given, type, kind)}`;
    // Each handler of an event runs once. A command and a query have a single handler.
    if (kind !== "event") return prefix;
    return `${prefix}:${isVolatile ? uniqueNameOf(handler) : stableHandlerName(handler, type, prefix)}`;
  };

  function stableName(given: unknown, type: object, kind: string): string {
    const what = `Cannot deduplicate "${nameOf(type)}" by the name`;
    if (typeof given !== "string" || given === "") {
      throw new TypeError(`${what} ${describe(given)}: the name must be a string that is not empty`);
    }
    if (!owners.accept(`${kind}:${given}`, type)) {
      throw new TypeError(
        `${what} "${given}": another class has it already. Give each class of message a name of its own`,
      );
    }
    // No name of a class begins like this.
    return `@${escapeName(given)}`;
  }

  function stableHandlerName(handler: object, type: object, prefix: string): string {
    const handlerName = nameOf(handler);
    const what = `Cannot deduplicate "${nameOf(type)}" for`;
    const way = "Subscribe functions and classes that have names of their own";
    if (handlerName === ANONYMOUS) {
      throw new TypeError(`${what} a handler without a name: a restart would mix it up with another one. ${way}`);
    }
    if (!owners.accept(`${prefix}:${handlerName}`, handler)) {
      throw new TypeError(`${what} the handler "${handlerName}": another handler has that name already. ${way}`);
    }
    return escapeName(handlerName);
  }
}

/** Gives names that are unique within the process, in the order in which they are asked for. */
function newUniqueNames(): (value: object) => string {
  const names = new WeakMap<object, string>();
  const counts = new Map<string, number>();

  return function uniqueNameOf(value) {
    const known = names.get(value);
    if (known !== undefined) return known;
    const name = escapeName(nameOf(value));
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    const unique = count === 1 ? name : `${name}#${count}`;
    names.set(value, unique);
    return unique;
  };
}

/** Knows which class or handler a name belongs to, and keeps none of them alive. */
function newOwners(): { accept(name: string, owner: object): boolean } {
  const taken = new Set<string>();
  const namesOf = new WeakMap<object, Set<string>>();

  return {
    accept(name, owner) {
      let own = namesOf.get(owner);
      if (own === undefined) namesOf.set(owner, own = new Set());
      if (own.has(name)) return true;
      if (taken.has(name)) return false;
      taken.add(name);
      own.add(name);
      return true;
    },
  };
}

/** Leaves none of the characters that separate one name from another. */
function escapeName(name: string): string {
  return name.replace(/[%:#@]/g, encodeURIComponent);
}
