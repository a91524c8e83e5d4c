/** What was asked for does not exist. The message is for the client to read. */
export class NotFoundError extends Error {
  override readonly name: string = "NotFoundError";
}

/** What was asked for contradicts what is there. The message is for the client to read. */
export class ConflictError extends Error {
  override readonly name: string = "ConflictError";
}

/** What was sent cannot be read: the framework refuses it, with a status from 400 to 499. */
export class RequestError extends Error {
  override readonly name: string = "RequestError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
