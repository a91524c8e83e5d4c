import type { Constructor } from "../di_adapter.ts";

/** Strings and comments, in which a bracket or a comma means nothing. */
const TEXT = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[^]*?\*\//g;

/** The beginning of a constructor, but not of a call of `this.constructor(…)`. */
const CONSTRUCTOR = /(?:^|[^.\w$#])constructor\s*\(/g;

/**
 * Counts the arguments that the constructor of a class expects, so that a handler is not built without its dependencies.
 *
 * A class without a constructor, or with one that takes `...args`, passes what it gets to its base, whose constructor
 * counts then. Parameters behind one with a default count too, which `length` leaves out.
 *
 * @param type The class.
 * @returns How many there are; 0 if the source does not tell.
 */
export function expectedArguments(type: Constructor): number {
  for (let current: unknown = type; isClass(current); current = Object.getPrototypeOf(current)) {
    if (current.length > 0) return current.length;
    const parameters = parametersOf(current);
    if (parameters === undefined) return 0;
    if (parameters.length === 0) continue;
    // A pattern with a default, such as `{ a } = {}`, has its "=" outside of the brackets.
    const count = parameters.findLastIndex((parameter) => !parameter.includes("=") && !parameter.startsWith("...")) + 1;
    if (count > 0 || !parameters.at(-1)!.startsWith("...")) return count;
  }
  return 0;
}

function isClass(value: unknown): value is Constructor {
  return typeof value === "function" && value !== Function.prototype;
}

/** The parameters of a class's own constructor: an empty list if it has none, `undefined` if that cannot be told. */
function parametersOf(type: Constructor): string[] | undefined {
  const source = Function.prototype.toString.call(type).replace(
    TEXT,
    (_, string?: string) => string === undefined ? "" : '""',
  );
  if (!source.startsWith("class")) return undefined;
  // In the body of the class itself: one that is deeper belongs to a class within it.
  const start = [...source.matchAll(CONSTRUCTOR)].find(({ index }) => depthAt(source, index) === 1);
  if (start === undefined) return [];
  return splitParameters(source.slice(start.index + start[0].length));
}

/** How many brackets are open at a place. */
function depthAt(text: string, end: number): number {
  let depth = 0;
  for (const character of text.slice(0, end)) {
    if ("([{".includes(character)) depth++;
    if (")]}".includes(character)) depth--;
  }
  return depth;
}

/** Splits a list of parameters at the commas that are not within brackets, up to the bracket that closes it. */
function splitParameters(text: string): string[] | undefined {
  const parameters: string[] = [];
  let depth = 0;
  let parameter = "";
  for (const character of text) {
    if (depth === 0 && (character === "," || character === ")")) {
      if (parameter.trim() !== "") parameters.push(parameter.trim());
      parameter = "";
      // A constructor without parameters takes none, also where its base does.
      if (character === ")") return parameters.length === 0 ? undefined : parameters;
      continue;
    }
    if (depth === 0) parameter += character;
    if ("([{".includes(character)) depth++;
    if (")]}".includes(character)) depth--;
  }
  return undefined;
}
