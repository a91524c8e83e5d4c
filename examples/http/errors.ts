/** What was asked for does not exist. The message is for the client to read. */
export class NotFoundError extends Error {
  override readonly name: string = "NotFoundError";
}

/** What was asked for contradicts what is there. The message is for the client to read. */
export class ConflictError extends Error {
  override readonly name: string = "ConflictError";
}

/** What was sent cannot be read. The message is for the client to read. */
export class BadRequestError extends Error {
  override readonly name: string = "BadRequestError";
}
