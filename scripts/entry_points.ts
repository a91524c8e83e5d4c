/**
 * Prints the files that deno.json exports, so that a command can take every entry point.
 *
 * @module
 */

const config: { readonly exports: Readonly<Record<string, string>> } = JSON.parse(
  await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
);
console.log(Object.values(config.exports).join(" "));
