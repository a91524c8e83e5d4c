/** Where the files of a release are: the address of the repository, and the tag. */
export interface Source {
  /** The address of the repository, without a slash at its end. */
  readonly repository: string;
  /** The tag of the release. */
  readonly tag: string;
}

/** A link or a picture in a line, and the definition of a link; the address of either may have a title behind it. */
const LINK = /(\]\(|^\[[^\]]+\]:\s+)(<?)([^)\s>]+)/gm;

/**
 * Makes the links of a page absolute: a reader of the package has none of the files that are not in it.
 *
 * @param page The page, in Markdown.
 * @param source Where the files are.
 * @returns The page. Code in it stays as it is, and so do links within the page and those that are absolute.
 */
export function withAbsoluteLinks(page: string, { repository, tag }: Source): string {
  // Fenced code is every other part.
  return page.split(/^(```[^]*?^```)$/m).map((part, index) => {
    if (index % 2 === 1) return part;
    return part.replace(LINK, (link, before: string, bracket: string, address: string) => {
      if (/^(?:[a-z][a-z+.-]*:|#|\/)/i.test(address)) return link;
      const path = address.replace(/^\.\//, "");
      // The last part of the name of a file has an extension.
      const kind = /\.\w+(?:#.*)?$/.test(path) ? "blob" : "tree";
      return `${before}${bracket}${repository}/${kind}/${tag}/${path}`;
    });
  }).join("");
}
