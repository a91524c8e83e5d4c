import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import type { App } from "./app.ts";
import { NotFoundError, RequestError } from "./errors.ts";
import { CreateUser, GetUser, ListUsers } from "./messages.ts";
import { optionsOf } from "./node_request.ts";
import { PROBLEM_TYPE, problemOf } from "./problem.ts";

export function createFastifyServer({ commands, queries, report }: App): FastifyInstance {
  const server = fastify({ frameworkErrors: (error, _request, reply) => answer(error, reply) });

  server.post("/users", async (request, reply) => {
    const id = await commands.dispatch(new CreateUser(Object(request.body)), optionsOf(reply.raw));
    return reply.code(201).header("Location", `/users/${id}`).send({ id });
  });
  server.get<{ Querystring: { limit?: string } }>("/users", async (request, reply) => {
    const limit = Number(request.query.limit ?? 20);
    return await queries.dispatch(new ListUsers(limit), optionsOf(reply.raw));
  });
  server.get<{ Params: { id: string } }>("/users/:id", async (request, reply) => {
    return await queries.dispatch(new GetUser(Number(request.params.id)), optionsOf(reply.raw));
  });

  server.setNotFoundHandler((request) => {
    throw new NotFoundError(`There is nothing at ${request.url}`);
  });
  server.setErrorHandler((error, _request, reply) => answer(error, reply));

  function answer(error: unknown, reply: FastifyReply): void {
    if (reply.raw.destroyed) return;
    const isRefused = error instanceof Error && "code" in error && String(error.code).startsWith("FST_ERR_") &&
      "statusCode" in error && Number(error.statusCode) < 500;
    const problem = problemOf(isRefused ? new RequestError(Number(error.statusCode), error.message) : error);
    if (problem.status === 500) report(error);
    reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  }

  return server;
}
