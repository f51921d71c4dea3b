/** JSON Merge Patch (RFC 7396), as the server merges a task's `repeat`. */

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What `into` becomes by a patch. */
export function merged(into: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(into) ? { ...into } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

/** The patch that makes `to` of `from`; `to` itself where one of them is no object. */
export function patchOf(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to;
  const patch: Json = {};
  for (const name of Object.keys(from)) if (!(name in to)) patch[name] = null;
  for (const [name, value] of Object.entries(to))
    if (JSON.stringify(value) !== JSON.stringify(from[name])) patch[name] = patchOf(from[name], value);
  return patch;
}

const takesAway = (patch: unknown): boolean =>
  isObject(patch) && Object.values(patch).some((value) => value === null || takesAway(value));

/** One patch that says what two say one after the other; `undefined` where none can. */
export function joined(first: unknown, second: unknown): unknown {
  if (!isObject(second)) return second;
  // An object in the place of what was taken away would be merged with it.
  if (first === null || takesAway(first)) return undefined;
  if (!isObject(first)) return second;
  const result: Json = { ...first };
  for (const [name, value] of Object.entries(second)) result[name] = joined(first[name], value);
  return result;
}
