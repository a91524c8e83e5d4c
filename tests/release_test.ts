import { assertEquals } from "@std/assert";
import { describePackage } from "../scripts/npm/manifest.ts";
import { disagreements } from "../scripts/release/disagreements.ts";

const CHANGELOG = `# Changelog

## [Unreleased]

## [1.2.0] - 2026-01-31

- Something new.

## [1.1.0] - 2025-12-24
`;

Deno.test("disagreements() finds nothing where the tag, the version and the changelog agree", () => {
  assertEquals(disagreements({ tag: "v1.2.0", version: "1.2.0", changelog: CHANGELOG }), []);
});

Deno.test("disagreements() does without a tag", () => {
  assertEquals(disagreements({ tag: undefined, version: "1.2.0", changelog: CHANGELOG }), []);
});

Deno.test("disagreements() finds a tag of another version", () => {
  assertEquals(disagreements({ tag: "v1.3.0", version: "1.2.0", changelog: CHANGELOG }), [
    "The tag is v1.3.0, and deno.json says 1.2.0",
  ]);
});

Deno.test("disagreements() finds a changelog whose newest release is another", () => {
  assertEquals(disagreements({ tag: "v1.1.0", version: "1.1.0", changelog: CHANGELOG }), [
    "CHANGELOG.md has 1.2.0 on top, and deno.json says 1.1.0",
  ]);
});

Deno.test("disagreements() finds a release without a date", () => {
  const changelog = CHANGELOG.replace(" - 2026-01-31", "");
  assertEquals(disagreements({ tag: "v1.2.0", version: "1.2.0", changelog }), [
    'CHANGELOG.md gives 1.2.0 no date: "## [1.2.0] - 2026-01-31"',
  ]);
});

Deno.test("disagreements() finds changes that are still unreleased", () => {
  const changelog = CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- Forgotten.\n");
  assertEquals(disagreements({ tag: "v1.2.0", version: "1.2.0", changelog }), [
    "CHANGELOG.md still has changes that are unreleased: move them to 1.2.0",
  ]);
});

Deno.test("disagreements() finds a changelog without any release", () => {
  assertEquals(disagreements({ tag: undefined, version: "0.1.0", changelog: "# Changelog\n\n## [Unreleased]\n" }), [
    "CHANGELOG.md has no release on top, and deno.json says 0.1.0",
  ]);
});

Deno.test("describePackage() names the repository, its page and its issues, where a release knows them", () => {
  const config = { name: "@cq/core", version: "1.2.0", license: "MIT", exports: { ".": "./mod.ts" } };
  const addresses = (repository: string | undefined) => {
    const described = describePackage(config, { folder: "", repository });
    return ["repository", "homepage", "bugs"].map((key) => described[key]);
  };
  assertEquals(addresses("https://example.com/cq/core"), [
    { type: "git", url: "git+https://example.com/cq/core.git" },
    "https://example.com/cq/core#readme",
    { url: "https://example.com/cq/core/issues" },
  ]);
  assertEquals(addresses(undefined), [undefined, undefined, undefined]);
});
