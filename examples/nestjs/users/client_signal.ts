import { createParamDecorator, type ExecutionContext } from "@nestjs/common";
import type { ServerResponse } from "node:http";

/** Gives a method of a controller a signal that fires when the client hangs up. */
export const ClientSignal: () => ParameterDecorator = createParamDecorator(
  (_data: undefined, context: ExecutionContext) => {
    const response = context.switchToHttp().getResponse<ServerResponse>();
    const client = new AbortController();
    const close = () => {
      if (!response.writableFinished) client.abort();
    };
    // The client may have hung up while a guard was at work.
    if (response.destroyed) close();
    else response.once("close", close);
    return client.signal;
  },
);
