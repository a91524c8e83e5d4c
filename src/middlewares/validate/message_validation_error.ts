import { describePath } from "../../internal/path.ts";
import { NonRetryableError } from "../../errors.ts";
import type { MessageType } from "../../message.ts";
import { nameOf, reasonOf } from "../../naming.ts";
import type { SchemaIssue } from "../../standard_schema.ts";

/** One thing that is wrong with a message. */
export interface ValidationIssue {
  /** The keys that lead from the message to the wrong value, outermost first. Empty for the message as a whole. */
  readonly path: readonly PropertyKey[];
  /** What is wrong, in the words of the schema. */
  readonly message: string;
}

/** A message does not fit its schema. It was not handled. Trying again would not help. */
export class MessageValidationError extends NonRetryableError {
  /** The class of the message. */
  readonly messageType: MessageType;
  /** What is wrong with the message, in the order of the schema. */
  readonly issues: readonly ValidationIssue[];

  /**
   * Makes the error. The middleware that validates throws it.
   *
   * @param messageType The class of the message.
   * @param issues What its schema finds wrong with it.
   */
  constructor(messageType: MessageType, issues: readonly SchemaIssue[]) {
    // The lists of some libraries have a class of their own. Their `map` would make another list of that class.
    const found = Array.from(issues, ({ path = [], message }): ValidationIssue => {
      // From JavaScript, a schema may name no message.
      return { path: Array.from(path, keyOf), message: reasonOf(message) };
    });
    super(`Cannot handle "${nameOf(messageType)}": ${found.map(describeIssue).join("; ") || "it is not valid"}`);
    this.name = "MessageValidationError";
    this.messageType = messageType;
    this.issues = found;
  }
}

function keyOf(segment: PropertyKey | { readonly key: PropertyKey }): PropertyKey {
  return typeof segment === "object" && segment !== null ? segment.key : segment as PropertyKey;
}

function describeIssue({ path, message }: ValidationIssue): string {
  const place = describePath(path);
  // The messages of some libraries begin with the place.
  return place === "" || message.startsWith(`${place} `) ? message : `${place}: ${message}`;
}
