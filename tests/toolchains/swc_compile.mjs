/** Compiles a file with swc. Arguments: the folder in which `@swc/core` is installed, the file, and the output. */
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [folder, file, output] = process.argv.slice(2);
const { transform } = createRequire(`${folder}/`)("@swc/core");

const { code } = await transform(await readFile(file, "utf8"), {
  jsc: {
    target: "es2022",
    parser: { syntax: "typescript", decorators: true },
    transform: { decoratorVersion: "2022-03" },
  },
});
await writeFile(output, code);
