import { DatabaseSync } from "node:sqlite";
import { EmailTakenError, type User, UserRepository } from "./user.ts";

const CONSTRAINT_UNIQUE = 2067;

export class SqliteUserRepository extends UserRepository {
  readonly #database: DatabaseSync;

  /** @param path A file, which is created where there is none, or ":memory:". */
  constructor(path: string) {
    super();
    this.#database = new DatabaseSync(path);
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS users (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        email TEXT NOT NULL UNIQUE
      ) STRICT
    `);
  }

  // deno-lint-ignore require-await -- what is thrown has to come out as a rejection
  async add({ name, email }: Omit<User, "id">): Promise<User> {
    try {
      const insert = this.#database.prepare("INSERT INTO users (name, email) VALUES (?, ?)");
      const { lastInsertRowid } = insert.run(name, email);
      return { id: Number(lastInsertRowid), name, email };
    } catch (error) {
      if (error instanceof Error && "errcode" in error && error.errcode === CONSTRAINT_UNIQUE) {
        throw new EmailTakenError(email);
      }
      throw error;
    }
  }

  // deno-lint-ignore require-await -- what is thrown has to come out as a rejection
  async find(id: number): Promise<User | undefined> {
    const row = this.#database.prepare("SELECT id, name, email FROM users WHERE id = ?").get(id);
    return row && userOf(row);
  }

  // deno-lint-ignore require-await -- what is thrown has to come out as a rejection
  async list(limit: number): Promise<readonly User[]> {
    return this.#database.prepare("SELECT id, name, email FROM users ORDER BY id LIMIT ?").all(limit).map(userOf);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function userOf({ id, name, email }: Record<string, unknown>): User {
  return { id: Number(id), name: String(name), email: String(email) };
}
