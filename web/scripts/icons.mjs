// Draws the icons: `node scripts/icons.mjs` writes public/icons. One shape, a disc (or a full square where the
// system cuts its own shape) with a check mark, from distances, so that every size is sharp.

import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';

const out = join(dirname(fileURLToPath(import.meta.url)), '..', 'public', 'icons');
const GROUND = [0x0b, 0x6e, 0x63];
const CHECK = [
  [0.31, 0.52, 0.445, 0.655],
  [0.445, 0.655, 0.7, 0.335],
];

const toSegment = (x, y, [ax, ay, bx, by]) => {
  const [dx, dy] = [bx - ax, by - ay];
  const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
};

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
}

function png(size, pixel) {
  const rows = Buffer.alloc(size * (size * 4 + 1));
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      rows.set(
        pixel((column + 0.5) / size, (row + 0.5) / size, 1 / size),
        row * (size * 4 + 1) + 1 + column * 4,
      );
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** How much of a pixel lies inside of a shape whose edge is this far away (negative: inside). */
const cover = (distance, unit) => Math.max(0, Math.min(1, 0.5 - distance / unit));
const check = (x, y, unit, scale, width) => {
  const [u, v] = [(x - 0.5) / scale + 0.5, (y - 0.5) / scale + 0.5];
  const distance = Math.min(...CHECK.map((segment) => toSegment(u, v, segment))) - width;
  return cover(distance * scale, unit);
};
const mix = (from, to, part) => from.map((value, index) => Math.round(value + (to[index] - value) * part));

const disc = (x, y, unit) => [
  ...mix(GROUND, [255, 255, 255], check(x, y, unit, 1, 0.052)),
  Math.round(255 * cover(Math.hypot(x - 0.5, y - 0.5) - 0.47, unit)),
];
const full = (x, y, unit) => [...mix(GROUND, [255, 255, 255], check(x, y, unit, 0.8, 0.052)), 255];
// Android draws the badge in one colour, by its alpha.
const badge = (x, y, unit) => {
  const ring = cover(Math.abs(Math.hypot(x - 0.5, y - 0.5) - 0.42) - 0.05, unit);
  return [255, 255, 255, Math.round(255 * Math.max(ring, check(x, y, unit, 0.9, 0.055)))];
};

const files = {
  'icon-192.png': png(192, disc),
  'icon-512.png': png(512, disc),
  'maskable-192.png': png(192, full),
  'maskable-512.png': png(512, full),
  'badge-96.png': png(96, badge),
  'icon.svg': `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><circle cx="50" cy="50" r="47" fill="#0b6e63"/><path d="M31 52l13.5 13.5L70 33.5" fill="none" stroke="#fff" stroke-width="10.4" stroke-linecap="round" stroke-linejoin="round"/></svg>\n`,
};
for (const [name, content] of Object.entries(files)) writeFileSync(join(out, name), content);
