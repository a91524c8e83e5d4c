import type { HandlerContext } from "../../context.ts";
import { ANONYMOUS } from "../../internal/function_name.ts";
import { classOf, prototypeOf } from "../../message_class.ts";
import { describe, type MessageNames, nameOf } from "../../naming.ts";

/** Says what the key of a message belongs to: its class, and on the event bus its handler. */
export type KeyPrefix = (message: object, context: HandlerContext) => string;

/**
 * Names classes and handlers for as long as the process lives: each gets a name of its own.
 *
 * @returns What makes prefixes.
 */
export function memoryKeyPrefix(): KeyPrefix {
  const uniqueNameOf = newUniqueNames();

  return function memoryKeyPrefix(message, { kind, handler }) {
    const prefix = `${kind}:${uniqueNameOf(classOf(prototypeOf(message)))}`;
    // Each handler of an event runs once. A command and a query have a single handler.
    return kind === "event" ? `${prefix}:${uniqueNameOf(handler)}` : prefix;
  };
}

/**
 * Takes the names of classes from the user, and refuses what would move from one class or handler to another when the
 * process starts again.
 *
 * @param name Names the class of a message.
 * @param options Whether the names are for as long as the process lives, so that a handler may be without a name.
 * @returns What makes prefixes.
 */
export function namedKeyPrefix(
  name: (message: object, context: HandlerContext) => string,
  { isVolatile }: { readonly isVolatile: boolean },
): KeyPrefix {
  const owners = newOwners();
  const uniqueNameOf = newUniqueNames();

  return function namedKeyPrefix(message, context) {
    const { kind, handler } = context;
    const type = classOf(prototypeOf(message));
    const given = name(message, context);
    const what = `Cannot deduplicate "${nameOf(type)}"`;
    if (typeof given !== "string" || given === "") {
      throw new TypeError(`${what} by the name ${describe(given)}: the name must be a string that is not empty`);
    }
    const prefix = `${kind}:${escapeName(given)}`;
    if (!owners.accept(prefix, type)) {
      throw new TypeError(
        `${what} by the name "${given}": another class has it already. Give each class of message a name of its own`,
      );
    }
    if (kind !== "event") return prefix;
    if (isVolatile) return `${prefix}:${uniqueNameOf(handler)}`;

    const handlerName = nameOf(handler);
    const way = "Subscribe functions and classes that have names of their own";
    if (handlerName === ANONYMOUS) {
      throw new TypeError(`${what} for a handler without a name: a restart would mix it up with another one. ${way}`);
    }
    const handlerPrefix = `${prefix}:${escapeName(handlerName)}`;
    if (owners.accept(handlerPrefix, handler)) return handlerPrefix;
    throw new TypeError(`${what} for the handler "${handlerName}": another handler has that name already. ${way}`);
  };
}

/**
 * Takes the names of classes from a catalogue. A message that is not in it has the name of its class, for as long as the
 * process lives.
 *
 * @param catalogue Knows the stable names.
 * @param options Whether the names are for as long as the process lives, so that a message may be without one.
 * @returns What makes prefixes.
 */
export function catalogueKeyPrefix(
  catalogue: MessageNames,
  { isVolatile }: { readonly isVolatile: boolean },
): KeyPrefix {
  const named = namedKeyPrefix((message) => catalogue.nameOf(message) as string, { isVolatile });
  const unnamed = memoryKeyPrefix();

  return function catalogueKeyPrefix(message, context) {
    if (catalogue.nameOf(message) !== undefined) return named(message, context);
    // No name has a "#" of its own, so that a stable name is never that of a class.
    if (isVolatile) return `#${unnamed(message, context)}`;
    throw new TypeError(
      `Cannot deduplicate "${nameOf(classOf(prototypeOf(message)))}": the catalogue has no name for it. Add it there`,
    );
  };
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
  return name.replace(/[%:#]/g, encodeURIComponent);
}
