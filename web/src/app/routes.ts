/** From a path to a view. */

export type Route =
  | {
      view:
        | 'today'
        | 'upcoming'
        | 'inbox'
        | 'projects'
        | 'completed'
        | 'notifications'
        | 'settings'
        | 'search';
    }
  | { view: 'project'; id: string }
  | { view: 'task'; id: string }
  | { view: 'sign-in' | 'sign-up' }
  | { view: 'none' };

const PLAIN = new Set([
  'today',
  'upcoming',
  'inbox',
  'projects',
  'completed',
  'notifications',
  'settings',
  'search',
  'sign-in',
  'sign-up',
]);

export function routeOf(path: string): Route {
  const [, first = '', second = '', ...more] = path.replace(/\/$/, '').split('/');
  if (more.length > 0) return { view: 'none' };
  if (second) {
    const id = decode(second);
    return (first === 'project' || first === 'task') && id ? { view: first, id } : { view: 'none' };
  }
  return PLAIN.has(first) ? ({ view: first } as Route) : { view: 'none' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
