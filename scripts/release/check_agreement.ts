/**
 * Fails unless the tag, deno.json and CHANGELOG.md name the same version. The tag is the argument. In a workflow that a
 * tag has started, it is that tag.
 *
 * @module
 */

import { readConfig, ROOT } from "../npm/manifest.ts";
import { disagreements } from "./disagreements.ts";

const { GITHUB_REF_TYPE, GITHUB_REF_NAME } = Deno.env.toObject();
const tag = Deno.args[0] ?? (GITHUB_REF_TYPE === "tag" ? GITHUB_REF_NAME : undefined);
const { version } = await readConfig();
const changelog = await Deno.readTextFile(new URL("CHANGELOG.md", ROOT));

const found = disagreements({ tag, version, changelog });
for (const sentence of found) console.error(sentence);
if (found.length > 0) Deno.exit(1);
console.log(`${tag ?? "The release, which has no tag yet,"} is ${version} in deno.json and in CHANGELOG.md`);
