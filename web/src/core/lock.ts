/**
 * One at a time, over all tabs and the service worker: the refresh cookie changes with every use, and two that use it
 * at once would look like a stolen one.
 */
export async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  return locks ? ((await locks.request(`punctual-${name}`, work)) as T) : work();
}
