/** The parts of a release that have to agree. */
export interface Release {
  /** The tag of the release; `undefined` before there is one. */
  readonly tag: string | undefined;
  /** The version in deno.json. */
  readonly version: string;
  /** The text of CHANGELOG.md. */
  readonly changelog: string;
}

/**
 * Compares the parts of a release.
 *
 * @param release The tag, the version and the changelog.
 * @returns A sentence for each disagreement.
 */
export function disagreements({ tag, version, changelog }: Release): string[] {
  const found: string[] = [];
  if (tag !== undefined && tag !== `v${version}`) found.push(`The tag is ${tag}, and deno.json says ${version}`);

  const headings = [...changelog.matchAll(/^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?[ \t]*$/gm)];
  const releases = headings.filter(([, name]) => name !== "Unreleased");
  const [newest] = releases;
  if (newest?.[1] !== version) {
    found.push(`CHANGELOG.md has ${newest?.[1] ?? "no release"} on top, and deno.json says ${version}`);
  } else if (newest[2] === undefined) {
    found.push(`CHANGELOG.md gives ${version} no date: "## [${version}] - 2026-01-31"`);
  }
  const unreleased = headings.find(([, name]) => name === "Unreleased");
  if (unreleased !== undefined) {
    const start = unreleased.index + unreleased[0].length;
    const text = changelog.slice(start, releases[0]?.index).trim();
    if (text !== "") found.push(`CHANGELOG.md still has changes that are unreleased: move them to ${version}`);
  }
  return found;
}
