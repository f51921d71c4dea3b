/** Parts of the app that a first visit need not load. */

import { type ComponentType, lazy } from 'react';

const waiting: (() => Promise<unknown>)[] = [];

/** Loaded when it is first drawn, or once the page is at rest. */
export function part<Props>(load: () => Promise<ComponentType<Props>>) {
  const once = () => load().then((component) => ({ default: component }));
  waiting.push(once);
  return lazy(once);
}

/** At rest: what opens later opens without a wait then, and without a connection. */
export function loadPartsAtRest(): () => void {
  const load = () => {
    for (const once of waiting.splice(0)) void once().catch(() => {});
  };
  if (!globalThis.requestIdleCallback) {
    const timer = setTimeout(load, 2_000);
    return () => clearTimeout(timer);
  }
  const idle = requestIdleCallback(load);
  return () => cancelIdleCallback(idle);
}
