/**
 * Makes an id that nobody else makes: a UUID of version 4.
 *
 * @returns The id.
 */
export function randomId(): string {
  // A page that is not served securely has the random numbers, and not the function that makes an id of them.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
