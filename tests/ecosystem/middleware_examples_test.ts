import { assertEquals } from "@std/assert";
import { stub } from "@std/testing/mock";

/** What each example prints: a reader of the README sees the same. */
const OUTPUTS: Record<string, string> = {
  "validation.ts": `
Created: Ada <ada@example.com>
Found: user 7
Cannot handle "CreateUser": name: A user needs a name; email: This is not an address
  name: A user needs a name
  email: This is not an address
Cannot handle "FindUser": id: An id is positive
  id: An id is positive
`,
  "telemetry.ts": `
POST /orders
  process PlaceOrder: PlaceOrderHandler, attempt 1: The database is busy
  process PlaceOrder: PlaceOrderHandler, attempt 2: success
    process OrderPlaced: SendConfirmation, attempt 1: success
    process OrderPlaced: CountOrders, attempt 1: success
    process StockChanged: UpdateStock, attempt 1: success
`,
  "resilience.ts": `
Error: The shop is closed (1 calls)
Error: The shop is closed (2 calls)
Error: The shop is closed (3 calls)
Error: Execution prevented because the circuit breaker is open (3 calls)
The price is 99 EUR
Error: Bulkhead capacity exceeded (0/2 execution slots, 0/0 available) (6 calls)
The price is 99 EUR
The price is 99 EUR
`,
};

for (const [name, output] of Object.entries(OUTPUTS)) {
  Deno.test(`examples/${name} prints what its reader expects`, async () => {
    const lines: unknown[] = [];
    using _log = stub(console, "log", (line: unknown) => void lines.push(line));

    await import(`../../examples/${name}`);

    assertEquals(`\n${lines.join("\n")}\n`, output);
  });
}
