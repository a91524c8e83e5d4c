import type {
  Acquisition,
  DeduplicationClaim,
  DeduplicationStore,
} from "../../middlewares/deduplicate/deduplication_store.ts";
import { caseFailure } from "../conformance_case.ts";

/** One promise of a deduplication store. */
export interface DeduplicationStoreCase {
  readonly name: string;
  readonly test: (store: DeduplicationStore) => Promise<void>;
}

/** Longer than any case takes. */
const LONG_MS = 60_000;
/** So short that a case can wait until it is over. */
const SHORT_MS = 20;
/** How long a case waits until a store has noticed that such a time is over. */
const PATIENCE_MS = 2_000;

/** What every store promises. */
export const DEDUPLICATION_STORE_CASES: readonly DeduplicationStoreCase[] = [
  { name: "gives a key to one of many callers that ask for it at the same time", test: givesKeyToOne },
  { name: "gives each claim a token of its own", test: givesTokens },
  { name: "answers with the outcome once a claim is completed", test: answersWithOutcome },
  { name: "remembers that there was no result", test: remembersNoResult },
  { name: "remembers for ever where the time is Infinity", test: remembersForEver },
  { name: "forgets an outcome when its time is over", test: forgetsOutcome },
  { name: "gives a key again that was released", test: givesReleasedKey },
  { name: "gives a key again whose lease is over", test: givesExpiredKey },
  { name: "refuses to complete a claim that another caller has taken over", test: refusesOldCompletion },
  { name: "ignores the release of a claim that another caller has taken over", test: refusesOldRelease },
  { name: "ends a claim once", test: endsOnce },
  { name: "keeps keys apart that differ in one character", test: keepsKeysApart },
];

let keys = 0;

/** A key that no other case and no other run has used, for stores that outlive them. */
function newKey(): string {
  return `conformance ${Date.now()} ${Math.random()} ${++keys}`;
}

async function claim(store: DeduplicationStore, key: string, leaseMs: number = LONG_MS): Promise<DeduplicationClaim> {
  const acquisition = await store.acquire(key, { leaseMs });
  if (acquisition.status !== "acquired") throw caseFailure("a claim", `the answer was "${acquisition.status}"`);
  return { key, token: acquisition.token };
}

async function complete(
  store: DeduplicationStore,
  claim: DeduplicationClaim,
  { result, ttlMs = LONG_MS }: { result: unknown; ttlMs?: number },
): Promise<boolean> {
  return await store.complete(claim, { outcome: { result }, ttlMs });
}

/** Asks again until the answer is another one than the given, and no longer than a store needs to notice. */
async function waitUntilNot(
  status: Acquisition["status"],
  store: DeduplicationStore,
  key: string,
): Promise<Acquisition> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += SHORT_MS) {
    const acquisition = await store.acquire(key, { leaseMs: LONG_MS });
    if (acquisition.status !== status) return acquisition;
    await new Promise((resolve) => setTimeout(resolve, SHORT_MS));
  }
  throw caseFailure(`"${status}" to be over after ${SHORT_MS} ms`, `it was not after ${PATIENCE_MS} ms`);
}

async function expectStatus(store: DeduplicationStore, key: string, expected: Acquisition["status"]): Promise<void> {
  const { status } = await store.acquire(key, { leaseMs: LONG_MS });
  if (status !== expected) throw caseFailure(`the answer "${expected}"`, `it was "${status}"`);
}

async function expectResult(store: DeduplicationStore, key: string, expected: unknown): Promise<void> {
  const acquisition = await store.acquire(key, { leaseMs: LONG_MS });
  const actual = acquisition.status === "completed" ? JSON.stringify(acquisition.outcome.result) : acquisition.status;
  if (acquisition.status !== "completed" || actual !== JSON.stringify(expected)) {
    throw caseFailure(`the outcome ${JSON.stringify(expected)}`, `got ${actual}`);
  }
}

async function givesKeyToOne(store: DeduplicationStore): Promise<void> {
  const key = newKey();
  const answers = await Promise.all(Array.from({ length: 20 }, () => store.acquire(key, { leaseMs: LONG_MS })));
  const acquired = answers.filter(({ status }) => status === "acquired").length;
  const held = answers.filter(({ status }) => status === "held").length;
  if (acquired !== 1 || held !== 19) {
    throw caseFailure("1 of 20 to acquire the key", `${acquired} did, and ${held} were told that it is held`);
  }
}

async function givesTokens(store: DeduplicationStore): Promise<void> {
  const claims = [await claim(store, newKey()), await claim(store, newKey())];
  const key = newKey();
  for (let round = 0; round < 2; round++) {
    const again = await claim(store, key);
    claims.push(again);
    await store.release(again);
  }
  const tokens = new Set(claims.map(({ token }) => token));
  if (tokens.size !== 4) throw caseFailure("4 claims to have 4 tokens", `they had ${tokens.size}`);
}

async function answersWithOutcome(store: DeduplicationStore): Promise<void> {
  const result = { id: 7, names: ["Ada", "Zoë"], none: null };
  const own = await claim(store, newKey());
  const isComplete = await complete(store, own, { result });
  if (isComplete !== true) throw caseFailure("the completion to be accepted", `got ${String(isComplete)}`);
  await expectResult(store, own.key, result);
  await expectResult(store, own.key, result);
}

async function remembersNoResult(store: DeduplicationStore): Promise<void> {
  const own = await claim(store, newKey());
  await complete(store, own, { result: undefined });
  await expectResult(store, own.key, undefined);
}

async function remembersForEver(store: DeduplicationStore): Promise<void> {
  const own = await claim(store, newKey());
  await complete(store, own, { result: 1, ttlMs: Infinity });
  await expectResult(store, own.key, 1);
}

async function forgetsOutcome(store: DeduplicationStore): Promise<void> {
  const own = await claim(store, newKey());
  await complete(store, own, { result: 1, ttlMs: SHORT_MS });
  const { status } = await waitUntilNot("completed", store, own.key);
  if (status !== "acquired") throw caseFailure("the key to be acquired", `the answer was "${status}"`);
}

async function givesReleasedKey(store: DeduplicationStore): Promise<void> {
  const own = await claim(store, newKey());
  await expectStatus(store, own.key, "held");
  await store.release(own);
  await expectStatus(store, own.key, "acquired");
}

/** Takes over a claim whose lease is over. */
async function takeOver(store: DeduplicationStore): Promise<{ old: DeduplicationClaim; current: DeduplicationClaim }> {
  const old = await claim(store, newKey(), SHORT_MS);
  const acquisition = await waitUntilNot("held", store, old.key);
  if (acquisition.status !== "acquired") {
    throw caseFailure("the key to be acquired", `the answer was "${acquisition.status}"`);
  }
  if (acquisition.token === old.token) throw caseFailure("another token", "it was the same");
  return { old, current: { key: old.key, token: acquisition.token } };
}

async function givesExpiredKey(store: DeduplicationStore): Promise<void> {
  const { current } = await takeOver(store);
  await expectStatus(store, current.key, "held");
}

async function refusesOldCompletion(store: DeduplicationStore): Promise<void> {
  const { old, current } = await takeOver(store);
  if (await complete(store, old, { result: "old" })) throw caseFailure("the old claim to be refused", "it was not");
  await expectStatus(store, current.key, "held");
  await complete(store, current, { result: "current" });
  if (await complete(store, old, { result: "old" })) throw caseFailure("the old claim to be refused", "it was not");
  await expectResult(store, current.key, "current");
}

async function refusesOldRelease(store: DeduplicationStore): Promise<void> {
  const { old, current } = await takeOver(store);
  await store.release(old);
  await expectStatus(store, current.key, "held");
  await complete(store, current, { result: "current" });
  await store.release(old);
  await expectResult(store, current.key, "current");
}

async function endsOnce(store: DeduplicationStore): Promise<void> {
  const own = await claim(store, newKey());
  await complete(store, own, { result: "first" });
  if (await complete(store, own, { result: "second" })) throw caseFailure("one completion", "a second was accepted");
  await store.release(own);
  await expectResult(store, own.key, "first");

  const released = await claim(store, newKey());
  await store.release(released);
  if (await complete(store, released, { result: "late" })) {
    throw caseFailure("a released claim to be refused", "it was completed");
  }
  await expectStatus(store, released.key, "acquired");
}

async function keepsKeysApart(store: DeduplicationStore): Promise<void> {
  const base = newKey();
  const endings = ["", " ", "a", "A", "ä", "a\u0308", "%", "_", "'", '"', ":", "\\", "\n", "😀", "x".repeat(1_000)];
  for (const ending of endings) {
    const own = await claim(store, `${base}${ending}`);
    await complete(store, own, { result: ending });
  }
  for (const ending of endings) await expectResult(store, `${base}${ending}`, ending);
}
