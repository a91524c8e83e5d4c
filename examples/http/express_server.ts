// @ts-types="@types/express"
import express, { type ErrorRequestHandler, type Express } from "express";
import type { App } from "./app.ts";
import { NotFoundError, RequestError } from "./errors.ts";
import { CreateUser, GetUser, ListUsers } from "./messages.ts";
import { optionsOf } from "./node_request.ts";
import { PROBLEM_TYPE, problemOf } from "./problem.ts";

export function createExpressServer({ commands, queries, report }: App): Express {
  const server = express();
  server.use(express.json({ strict: false }));

  server.post("/users", async (request, response) => {
    const id = await commands.dispatch(new CreateUser(Object(request.body)), optionsOf(response));
    response.status(201).location(`/users/${id}`).json({ id });
  });
  server.get("/users", async (request, response) => {
    const limit = Number(request.query["limit"] ?? 20);
    response.json(await queries.dispatch(new ListUsers(limit), optionsOf(response)));
  });
  server.get("/users/:id", async (request, response) => {
    response.json(await queries.dispatch(new GetUser(Number(request.params.id)), optionsOf(response)));
  });

  server.use((request) => {
    throw new NotFoundError(`There is nothing at ${request.path}`);
  });
  // Express knows a handler of errors by its four parameters.
  const answer: ErrorRequestHandler = (error, _request, response, _next) => {
    if (response.destroyed) return;
    // What the middlewares refuse may be told the client; the router refuses a path that cannot be decoded.
    const isRefused = error instanceof Error && "status" in error &&
      (error instanceof URIError || "expose" in error && error.expose);
    const problem = problemOf(isRefused ? new RequestError(Number(error.status), error.message) : error);
    if (problem.status === 500) report(error);
    response.status(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  };
  server.use(answer);

  return server;
}
