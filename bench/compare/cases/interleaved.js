import { measure, options } from "../measure.js";
import { peer } from "../peer.js";

const builds = await Promise.all(["before", "after"].map((name) => peer(`./node_modules/builds/${name}.js`)));
const [before, after] = builds.map(({ rows }) => rows(options.only));

const variants = {};
for (const row of Object.keys(after)) {
  variants[`${row}: before`] = before[row];
  variants[`${row}: after`] = after[row];
}
await measure(variants);
