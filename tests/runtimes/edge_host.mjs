/**
 * Runs a bundle in Vercel's edge-runtime.
 *
 * With a port it is a server. Otherwise it sends the bundle one request and prints the answer.
 *
 * Arguments: the folder in which `edge-runtime` is installed, the bundle, and maybe the port.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import process from "node:process";

const [folder, bundle, port] = process.argv.slice(2);
const { EdgeRuntime, runServer } = createRequire(`${folder}/`)("edge-runtime");

const runtime = new EdgeRuntime({ initialCode: await readFile(bundle, "utf8") });
if (port !== undefined) {
  await runServer({ runtime, port: Number(port), host: "127.0.0.1" });
} else {
  const response = await runtime.dispatchFetch("http://localhost/");
  console.log(await response.text());
}
