import { functionNameOf } from "./function_name.ts";

/**
 * A value that is refused, as code would write it. It never throws.
 *
 * @param value Any value, such as one that should have been a number.
 * @returns The text: strings in quotes, so that `"5"` and `5` are told apart, and the name of a function.
 */
export function textOf(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "function") return `"${functionNameOf(value)}"`;
  if (typeof value === "bigint") return `${value}n`;
  try {
    return String(value);
  } catch {
    return "an object";
  }
}
