import { MessageValidationError } from "@cq/core/middlewares";
import { BadRequestError, ConflictError, NotFoundError } from "./errors.ts";

/** What went wrong, as RFC 9457 has it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** For the client to read. Never what an unknown error says of our insides. */
  readonly detail?: string;
  /** What is wrong with the message, each with a JSON pointer to it. */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

export const PROBLEM_TYPE = "application/problem+json";

/** Turns whatever was thrown into what the client is told. */
export function problemOf(error: unknown): Problem {
  if (error instanceof MessageValidationError) {
    const errors = error.issues.map(({ path, message }) => ({ pointer: pointerOf(path), detail: message }));
    return { ...problem(422, "Unprocessable Content"), errors };
  }
  if (error instanceof BadRequestError) return problem(400, "Bad Request", error.message);
  if (error instanceof NotFoundError) return problem(404, "Not Found", error.message);
  if (error instanceof ConflictError) return problem(409, "Conflict", error.message);
  return problem(500, "Internal Server Error");
}

/** The type about:blank says that the problem is no more than its status. */
function problem(status: number, title: string, detail?: string): Problem {
  return { type: "about:blank", title, status, ...(detail !== undefined && { detail }) };
}

function pointerOf(path: readonly PropertyKey[]): string {
  return `#${path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")}`;
}
