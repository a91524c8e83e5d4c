import { Injectable } from "@nestjs/common";

/** Keeps mail, in place of a server that sends it. */
@Injectable()
export class Mailbox {
  readonly subjects: string[] = [];

  send(subject: string): Promise<void> {
    this.subjects.push(subject);
    return Promise.resolve();
  }
}
