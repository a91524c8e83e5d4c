import { assertEquals, assertRejects } from "@std/assert";
import { PGlite } from "@electric-sql/pglite";
import { DatabaseSync } from "node:sqlite";
import { PostgresDeduplicationStore } from "@cq/core/queue/postgres";
import { SqliteDeduplicationStore } from "@cq/core/queue/sqlite";
import { deduplicationStoreConformance } from "@cq/core/testing";

const pglite = await PGlite.create();
const database = new DatabaseSync(":memory:");
const stores = {
  SqliteDeduplicationStore: new SqliteDeduplicationStore(database),
  PostgresDeduplicationStore: new PostgresDeduplicationStore(pglite),
};
for (const store of Object.values(stores)) {
  await store.setup();
  await store.setup();
}

for (const [name, store] of Object.entries(stores)) {
  for (const { name: promise, skip, run } of deduplicationStoreConformance(() => store)) {
    Deno.test({ name: `${name} ${promise}`, ignore: skip, fn: run });
  }

  Deno.test(`${name} takes each character for a key`, async () => {
    for (const key of ["\0", "\ud800", "'; drop table cq_deduplication; --", "ü".repeat(1_000)]) {
      const claim = await store.acquire(key, { leaseMs: 1_000 });
      assertEquals(claim.status, "acquired");
      if (claim.status === "acquired") await store.release({ key, token: claim.token });
    }
  });
}

Deno.test("a deduplication store without its table says the way out", async () => {
  const advice = "Call setup() once, or make it in your migrations";
  const some = new SqliteDeduplicationStore(database, { table: "missing" });
  const sqlite = await assertRejects(() => some.acquire("a", { leaseMs: 1 }), Error);
  assertEquals(
    sqlite.message,
    `Cannot use the table "missing" of a deduplication store: no such table: missing. ${advice}`,
  );
  const other = new PostgresDeduplicationStore(pglite, { table: "missing" });
  const postgres = await assertRejects(() => other.acquire("a", { leaseMs: 1 }), Error);
  assertEquals(
    postgres.message,
    'Cannot use the table "public"."missing" of a deduplication store: relation "public.missing" does not exist. ' +
      advice,
  );
});
