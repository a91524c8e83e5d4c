export interface Mail {
  readonly to: string;
  readonly subject: string;
}

/** Sends mail. */
export abstract class Mailer {
  abstract send(mail: Mail): Promise<void>;
}

/** Prints mail, in place of a server that sends it. */
export class ConsoleMailer extends Mailer {
  send({ to, subject }: Mail): Promise<void> {
    console.log(`mail to ${to}: ${subject}`);
    return Promise.resolve();
  }
}
