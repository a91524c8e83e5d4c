/**
 * Loads a package that is measured against. By a name that is no literal, since the compiler checks this folder also
 * where none of them is installed.
 *
 * @param {string} name The package.
 * @returns {Promise<any>} Its exports.
 */
export function peer(name) {
  return import(name);
}

/**
 * Loads what composes middlewares in the package under test, which does not export it: a bundle of the source.
 *
 * @returns {Promise<any>} The exports of that source.
 */
export function chainSource() {
  return import("./node_modules/@cq/core/chain.js");
}
