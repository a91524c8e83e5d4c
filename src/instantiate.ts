/** Whether assigning to an instance sets properties of the instance, by the prototype of the class. */
const assignable = new WeakMap<object, boolean>();

/**
 * Makes an instance of a class of data, without its constructor. What the data has of its own becomes the instance's own,
 * also where it is named `__proto__`, or like a setter of the class.
 *
 * @param prototype The prototype of the class.
 * @param data The data.
 * @returns The instance.
 */
export function instantiate(prototype: object, data: object): object {
  // To define costs twice as much as to assign, and Object.create with the descriptors of the data thirty times.
  return isAssignable(prototype) && !Object.hasOwn(data, "__proto__")
    ? Object.assign(Object.create(prototype), data)
    : { __proto__: prototype, ...data };
}

/** Assigning calls the setters that an instance inherits, and fails where it inherits what is not writable. */
function isAssignable(prototype: object): boolean {
  let known = assignable.get(prototype);
  if (known === undefined) {
    known = true;
    for (let owner: object | null = prototype; owner !== null; owner = Object.getPrototypeOf(owner)) {
      for (const key of Reflect.ownKeys(owner)) {
        if (key !== "__proto__" && !Object.getOwnPropertyDescriptor(owner, key)!.writable) known = false;
      }
    }
    assignable.set(prototype, known);
  }
  return known;
}
