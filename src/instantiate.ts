/**
 * Makes an instance of a class of data, without its constructor. All own properties of the data that are enumerable
 * become own properties of the instance, and none of them can change its class or call a setter of it.
 *
 * @param prototype The prototype of the class.
 * @param data The data.
 * @returns The instance.
 */
export function instantiate(prototype: object, data: object): object {
  const instance: Record<PropertyKey, unknown> = Object.create(prototype);
  for (const key of Object.keys(data)) assign(instance, key, data[key as keyof typeof data]);
  for (const key of Object.getOwnPropertySymbols(data)) {
    if (Object.prototype.propertyIsEnumerable.call(data, key)) assign(instance, key, data[key as keyof typeof data]);
  }
  return instance;
}

function assign(instance: Record<PropertyKey, unknown>, key: PropertyKey, value: unknown): void {
  // Such as "__proto__", "constructor", and what is an accessor or a method of the class. Defining costs far more.
  if (key in instance) {
    Object.defineProperty(instance, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    instance[key] = value;
  }
}
