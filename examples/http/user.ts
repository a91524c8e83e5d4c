import { ConflictError } from "./errors.ts";

export interface User {
  readonly id: number;
  readonly name: string;
  readonly email: string;
}

/** Where users are kept. The signal says that nobody waits for the answer any more. */
export abstract class UserRepository {
  /**
   * Adds a user and gives it an id.
   *
   * @throws {EmailTakenError} If another user has the address.
   */
  abstract add(user: Omit<User, "id">, signal?: AbortSignal): Promise<User>;
  abstract find(id: number, signal?: AbortSignal): Promise<User | undefined>;
  /** The first users, in the order in which they were added. */
  abstract list(limit: number, signal?: AbortSignal): Promise<readonly User[]>;
}

export class EmailTakenError extends ConflictError {
  override readonly name = "EmailTakenError";

  constructor(email: string) {
    super(`The address ${email} belongs to another user`);
  }
}
