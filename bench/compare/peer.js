/**
 * Loads a peer. Its name is not a literal, because the compiler also checks this folder where no peer is installed.
 *
 * @param {string} name The package.
 * @returns {Promise<any>} Its exports.
 */
export function peer(name) {
  return import(name);
}

/**
 * Loads a bundle of the source that composes middlewares, which the package under test does not export.
 *
 * @returns {Promise<any>} The exports of that source.
 */
export function chainSource() {
  return import("./node_modules/@cq/core/chain.js");
}
