import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import type { DispatchOptions } from "@cq/core";
import type { App } from "./app.ts";
import { NotFoundError, RequestError } from "./errors.ts";
import { CreateUser, GetUser, ListUsers } from "./messages.ts";
import { PROBLEM_TYPE, problemOf } from "./problem.ts";

/** `Deno.serve` says when a request is done with. On an edge runtime, `c.executionCtx.waitUntil` takes its place. */
type Env = { Bindings: { completed?: Promise<void> } };

export function createHonoServer({ commands, queries, report }: App): Hono<Env> {
  const server = new Hono<Env>();

  server.post("/users", async (c) => {
    const body = await c.req.json().catch(() => {
      throw new RequestError(400, "The body is no JSON");
    });
    const id = await commands.dispatch(new CreateUser(Object(body)), optionsOf(c));
    return c.json({ id }, 201, { Location: `/users/${id}` });
  });
  server.get("/users", async (c) => {
    const limit = Number(c.req.query("limit") ?? 20);
    return c.json(await queries.dispatch(new ListUsers(limit), optionsOf(c)));
  });
  server.get("/users/:id", async (c) => {
    return c.json(await queries.dispatch(new GetUser(Number(c.req.param("id"))), optionsOf(c)));
  });

  server.notFound((c) => answer(new NotFoundError(`There is nothing at ${c.req.path}`), c));
  server.onError((error, c) => answer(error, c));

  function answer(error: unknown, c: Context): Response {
    const isRefused = error instanceof HTTPException && error.status < 500;
    const problem = problemOf(isRefused ? new RequestError(error.status, error.message) : error);
    if (problem.status === 500 && !c.req.raw.signal.aborted) report(error);
    return Response.json(problem, { status: problem.status, headers: { "Content-Type": PROBLEM_TYPE } });
  }

  return server;
}

/** The client's hanging up cancels what it asked for. */
function optionsOf(c: Context<Env>): DispatchOptions {
  return { signal: c.req.raw.signal, metadata: { responded: c.env.completed } };
}
