import { assertEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type Envelope, fromCloudEvent, toCloudEvent } from "@cq/core/wire";

const ENVELOPE: Envelope = {
  id: "m7",
  name: "shop.order-placed",
  version: 3,
  time: "2026-11-27T12:00:00.000Z",
  key: "order 7",
  headers: { correlationid: "r1", tenantid: "t1" },
  body: '{"id":7,"items":["tea"]}',
};

const EVENT = {
  specversion: "1.0" as const,
  id: "m7",
  source: "/shop",
  type: "shop.order-placed",
};

Deno.test("toCloudEvent() says all that the envelope says, and fromCloudEvent() reads it", () => {
  const event = toCloudEvent(ENVELOPE, { source: "/shop" });

  assertEquals(event, {
    ...EVENT,
    time: "2026-11-27T12:00:00.000Z",
    datacontenttype: "application/json",
    partitionkey: "order 7",
    cqversion: 3,
    correlationid: "r1",
    tenantid: "t1",
    data: { id: 7, items: ["tea"] },
  });
  assertEquals(fromCloudEvent(event), ENVELOPE);
});

Deno.test("toCloudEvent() refuses a source that is not one, and a body that is not JSON", () => {
  assertEquals(
    assertThrows(() => toCloudEvent(ENVELOPE, { source: "" }), TypeError).message,
    "Cannot make a cloud event: its source must not be empty",
  );
  assertThrows(() => toCloudEvent({ ...ENVELOPE, body: "{" }, { source: "/shop" }), SyntaxError);
});

Deno.test("toCloudEvent() lets no header take the place of an attribute", () => {
  const { id, type } = toCloudEvent({ ...ENVELOPE, headers: { id: "other", type: "other" } }, { source: "/shop" });

  assertEquals([id, type], ["m7", "shop.order-placed"]);
});

Deno.test("fromCloudEvent() takes an event of others, with the least that one has", () => {
  using _time = new FakeTime(Date.parse("2026-11-27T13:00:00.000Z"));

  assertEquals(fromCloudEvent(EVENT), {
    id: "m7",
    name: "shop.order-placed",
    version: 1,
    time: "2026-11-27T13:00:00.000Z",
    headers: {},
    body: "{}",
  });
});

Deno.test("fromCloudEvent() makes headers of extensions, and of nothing else", () => {
  const extensions = { traceparent: "tp", attempts: 7, urgent: true, Upper: "x", __proto: "x", list: [], subject: "s" };
  const { headers } = fromCloudEvent({ ...EVENT, ...extensions, dataschema: "urn:x" });

  assertEquals(headers, { traceparent: "tp", attempts: "7", urgent: "true" });
});

Deno.test("fromCloudEvent() takes the types of JSON, and refuses others", () => {
  for (const datacontenttype of ["application/json", "application/json; charset=utf-8", "application/vnd.shop+json"]) {
    assertEquals(fromCloudEvent({ ...EVENT, datacontenttype, data: { id: 7 } }).body, '{"id":7}');
  }
  for (const datacontenttype of ["text/plain", "application/jsonx", 7]) {
    assertThrows(() => fromCloudEvent({ ...EVENT, datacontenttype }), TypeError, "its datacontenttype must be JSON");
  }
});

Deno.test("fromCloudEvent() refuses what is not an event", () => {
  const refused: [object, string][] = [
    [null as never, "its specversion must be 1.0"],
    [{ ...EVENT, specversion: "0.3" }, "its specversion must be 1.0"],
    [{ ...EVENT, id: undefined }, "its id must be a string"],
    [{ ...EVENT, type: 7 }, "its name must be a string"],
    [{ ...EVENT, cqversion: 0 }, "its version must be a whole number from 1"],
    [{ ...EVENT, data_base64: "e30=" }, "its data must not be in base64"],
  ];

  for (const [event, flaw] of refused) {
    assertEquals(assertThrows(() => fromCloudEvent(event), TypeError).message, `Cannot read a cloud event: ${flaw}`);
  }
});
