import { createParamDecorator, type ExecutionContext } from "@nestjs/common";
import type { ServerResponse } from "node:http";

/** Gives a method of a controller a signal that fires when the client hangs up. */
export const ClientSignal: () => ParameterDecorator = createParamDecorator(
  (_data: undefined, context: ExecutionContext) => {
    const response = context.switchToHttp().getResponse<ServerResponse>();
    const client = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished) client.abort();
    });
    return client.signal;
  },
);
