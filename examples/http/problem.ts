import { MessageValidationError } from "@cq/core/middlewares";
import { ConflictError, NotFoundError, RequestError } from "./errors.ts";

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

const TITLES: Readonly<Record<number, string>> = {
  404: "Not Found",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  500: "Internal Server Error",
};

/** Turns whatever was thrown into what the client is told. */
export function problemOf(error: unknown): Problem {
  if (error instanceof MessageValidationError) {
    const errors = error.issues.map(({ path, message }) => ({ pointer: pointerOf(path), detail: message }));
    return { ...problem(422), errors };
  }
  if (error instanceof RequestError) return problem(error.status, error.message);
  if (error instanceof NotFoundError) return problem(404, error.message);
  if (error instanceof ConflictError) return problem(409, error.message);
  return problem(500);
}

/** The type about:blank says that the problem is no more than its status. */
function problem(status: number, detail?: string): Problem {
  return {
    type: "about:blank",
    title: TITLES[status] ?? "Bad Request",
    status,
    ...(detail !== undefined && { detail }),
  };
}

function pointerOf(path: readonly PropertyKey[]): string {
  return `#${path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")}`;
}
