// Fails when a first visit would load more JavaScript than agreed. Counted: the entry, what it imports at once, and
// nothing that waits for a need.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMIT_KB = 120;
const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const page = readFileSync(join(dist, 'index.html'), 'utf8');

if (/<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=|\sstyle=/.test(page)) {
  console.error('index.html holds an inline script or style, which the content security policy refuses');
  process.exit(1);
}

const seen = new Set();
const queue = [...page.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map((match) => match[1]);
let bytes = 0;
for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
  if (seen.has(path)) continue;
  seen.add(path);
  const code = readFileSync(join(dist, path));
  const size = gzipSync(code, { level: 9 }).length;
  bytes += size;
  console.log(`${path}  ${(size / 1000).toFixed(1)} kB`);
  for (const [, name] of code.toString().matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g))
    queue.push(`/assets/${name}`);
}
if (seen.size === 0) {
  console.error('index.html loads no script: nothing was measured');
  process.exit(1);
}
console.log(`JavaScript of a first visit: ${(bytes / 1000).toFixed(1)} kB gzip of ${LIMIT_KB} kB`);
if (bytes > LIMIT_KB * 1000) {
  console.error('over the budget');
  process.exit(1);
}
