/**
 * Runs test modules in a runtime that is not Deno, one after the other, with the part of `Deno` that they use. Prints
 * what fails, and how many did.
 *
 * Arguments: the modules.
 */
import process from "node:process";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";

/** Thrown where a test uses more of Deno than there is here. */
class DenoNeeded extends Error {}

const tests = [];
let file = "";

const deno = {
  test: (...args) => {
    // A name, options and a function, in all the ways in which Deno takes them.
    const definition = Object.assign(
      {},
      ...args.map((arg) => {
        if (typeof arg === "string") return { name: arg };
        return typeof arg === "function" ? { fn: arg } : arg;
      }),
    );
    const { name = definition.fn.name, ignore = false, fn } = definition;
    tests.push({ title: `${file}: ${name}`, run: fn, ignore });
  },
  memoryUsage: () => process.memoryUsage(),
};

globalThis.Deno = new Proxy(deno, {
  get: (target, name) => {
    if (name in target) return target[name];
    throw new DenoNeeded(`It uses Deno.${String(name)}`);
  },
});

// The tests may use it. Whatever `src` uses that Node 20 lacks is found by other tests.
Promise.withResolvers ??= () => {
  let functions;
  const promise = new Promise((resolve, reject) => {
    functions = { resolve, reject };
  });
  return { promise, ...functions };
};

Array.fromAsync ??= async (iterable) => {
  const values = [];
  for await (const value of iterable) values.push(value);
  return values;
};

// Bun has the method, and never calls it for this event.
const listeners = new Map();
globalThis.addEventListener = (type, listener) => {
  if (type !== "unhandledrejection") throw new TypeError(`Cannot listen to "${type}" outside of Deno`);
  const report = (reason) => listener({ reason, preventDefault: () => {} });
  listeners.set(listener, report);
  process.on("unhandledRejection", report);
};
globalThis.removeEventListener = (_type, listener) => {
  process.off("unhandledRejection", listeners.get(listener));
  listeners.delete(listener);
};

for (const path of process.argv.slice(2)) {
  file = basename(path).replace(/\.m?js$/, "");
  // Each module has a copy of the package built in. To the copy it is the only one.
  delete globalThis[Symbol.for("@cq/core")];
  await import(pathToFileURL(path));
}

let failed = 0;
const skipped = [];
for (const { title, run, ignore } of tests) {
  if (ignore) {
    skipped.push(title);
    continue;
  }
  let limit;
  try {
    const late = new Promise((_, reject) => {
      limit = setTimeout(() => reject(new Error("It did not end within 20 s")), 20_000);
    });
    await Promise.race([run(), late]);
  } catch (error) {
    if (error instanceof DenoNeeded) {
      skipped.push(title);
      continue;
    }
    failed++;
    console.log(`FAILED ${title}\n${error?.stack ?? error}\n`);
  } finally {
    clearTimeout(limit);
  }
}
for (const title of skipped) console.log(`skipped ${title}`);
const passed = tests.length - failed - skipped.length;
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exit(passed === 0 || failed > 0 ? 1 : 0);
