/**
 * Runs a bundle in Vercel's edge-runtime, sends it one request, and prints the answer. For the promises that the bundle
 * hands to `waitUntil` it waits as the platform does: after the answer.
 *
 * Arguments: the folder in which `edge-runtime` is installed, the bundle, and what to send as JSON.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [folder, bundle, request = "{}"] = process.argv.slice(2);
const { EdgeRuntime } = createRequire(`${folder}/`)("edge-runtime");

const runtime = new EdgeRuntime({ initialCode: await readFile(bundle, "utf8") });
const response = await runtime.dispatchFetch("http://localhost/", JSON.parse(request));
console.log(await response.text());
await response.waitUntil();
