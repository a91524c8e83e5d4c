import type { SchemaIssue, StandardSchema } from "../../src/standard_schema.ts";

/** What is wrong with some data. */
type Check = (data: Record<string, unknown>) => readonly SchemaIssue[] | undefined;

/**
 * Makes a schema by hand, as a library would make one.
 *
 * @param check Finds what is wrong; nothing unless given.
 * @param transform What the schema puts out; the data itself unless given.
 */
export function checkSchema<Output, Input = Output>(
  check: Check = () => undefined,
  transform: (data: Input) => unknown = (data) => data,
): StandardSchema<Output, Input> {
  return {
    "~standard": {
      version: 1,
      validate(value) {
        const issues = check(value as Record<string, unknown>);
        return issues === undefined ? { value: transform(value as Input) as Output } : { issues };
      },
    },
  };
}
