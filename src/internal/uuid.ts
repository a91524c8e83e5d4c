/** How many random bytes are made at a time. A call for many ids is several times as fast as a call for each. */
const POOL_SIZE = 1600;

// All of it is made at the first id, so that a bundle that makes none is free to leave it out.
let pool: readonly number[] | Uint8Array = [];
let used = 0;
let hex: readonly string[] = [];

/** The beginning of the ids of one millisecond. */
let prefix = "";
let prefixTime = -1;

/**
 * Makes a UUID of version 7. It begins with the time: an id that is made later is sorted behind, so that the index of a
 * database grows at its end. Within a millisecond the order is random.
 *
 * @returns The id.
 */
export function uuidV7(): string {
  const now = Date.now();
  if (now !== prefixTime) {
    const time = now.toString(16).padStart(12, "0");
    prefix = `${time.slice(0, 8)}-${time.slice(8)}-`;
    prefixTime = now;
  }
  if (used === pool.length) refill();
  let id = prefix;
  for (let index = 0; index < 10; index++) {
    const byte = pool[used++]!;
    // The digits that say what kind of id it is.
    id += hex[index === 0 ? byte & 0x0f | 0x70 : index === 2 ? byte & 0x3f | 0x80 : byte]!;
    if (index === 1 || index === 3) id += "-";
  }
  return id;
}

function refill(): void {
  if (hex.length === 0) hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
  // A page that is not served securely has the random numbers, and not the function that makes an id of them.
  pool = crypto.getRandomValues(new Uint8Array(POOL_SIZE));
  used = 0;
}
