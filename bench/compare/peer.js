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
 * Loads a part of the package under test that it does not export.
 *
 * @returns {Promise<any>} The exports of its internal modules.
 */
export function internals() {
  return import("./node_modules/@cq/core/internals.js");
}
