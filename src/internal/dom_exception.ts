/**
 * Makes the error that tells why a signal has fired: a `DOMException`, or where the runtime has none, as Hermes, an
 * `Error` with the same name.
 *
 * @param message What has happened.
 * @param name The name of the error.
 * @param options The error that has caused it, as the `cause`.
 * @returns The error.
 */
export function newDOMException(
  message: string,
  name: "AbortError" | "TimeoutError",
  options: { readonly cause?: unknown } = {},
): Error {
  const hasClass = typeof DOMException === "function";
  const error = hasClass ? new DOMException(message, name) : Object.assign(new Error(message), { name });
  // No runtime takes a cause in the constructor that all of them have.
  if ("cause" in options) Object.defineProperty(error, "cause", { value: options.cause, configurable: true });
  return error;
}
