// Reads a push as a browser and a push service would, with http_ece and Node's own crypto. Its input is one JSON:
// { body (base64), private_key, auth (base64url), authorization }. Its output: { text, header, claims, key }; it fails
// where the encryption or the token's signature does not hold.

import { createECDH, createPublicKey, verify } from 'node:crypto';
import { text as whole } from 'node:stream/consumers';
import ece from 'http_ece';

const { body, private_key, auth, authorization } = JSON.parse(await whole(process.stdin));

const browser = createECDH('prime256v1');
browser.setPrivateKey(private_key, 'base64url');
const text = ece
  .decrypt(Buffer.from(body, 'base64'), { version: 'aes128gcm', privateKey: browser, authSecret: auth })
  .toString('utf8');

const [, token, key] = authorization.match(/^vapid t=([^,]+), ?k=(.+)$/);
const [header, claims, signature] = token.split('.');
const point = Buffer.from(key, 'base64url');
const coordinate = (from) => point.subarray(from, from + 32).toString('base64url');
const publicKey = createPublicKey({
  format: 'jwk',
  key: { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) },
});
const signed = Buffer.from(`${header}.${claims}`);
const holds = verify(
  'sha256',
  signed,
  { key: publicKey, dsaEncoding: 'ieee-p1363' },
  Buffer.from(signature, 'base64url'),
);
if (!holds) throw new Error('the token was not signed with its key');

const json = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
process.stdout.write(JSON.stringify({ text, header: json(header), claims: json(claims), key }));
