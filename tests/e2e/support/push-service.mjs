// A push service of our own: takes what the server really sends, and opens it as a browser would (RFC 8291, RFC 8188).

import { createDecipheriv, createECDH, createHmac, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const hmac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const text = (content) => Buffer.from(content, 'latin1');

export class PushService {
  messages = [];
  #keys = createECDH('prime256v1');
  #auth = randomBytes(16);

  static async start() {
    const service = new PushService();
    service.#keys.generateKeys();
    service.server = createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        service.messages.push({
          headers: request.headers,
          path: request.url,
          content: JSON.parse(service.open(Buffer.concat(chunks))),
        });
        response.writeHead(201).end();
      });
    });
    await new Promise((resolve) => service.server.listen(0, '127.0.0.1', resolve));
    return service;
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }

  /** The channel, as a browser's subscription makes it. */
  channel() {
    return {
      kind: 'push',
      target: `http://127.0.0.1:${this.server.address().port}/subscription`,
      keys: { p256dh: this.#keys.getPublicKey('base64url'), auth: this.#auth.toString('base64url') },
      name: 'Test',
    };
  }

  open(body) {
    const salt = body.subarray(0, 16);
    const length = body.readUInt8(20);
    const sender = body.subarray(21, 21 + length);
    const sealed = body.subarray(21 + length);
    const shared = this.#keys.computeSecret(sender);
    const info = Buffer.concat([text('WebPush: info\0'), this.#keys.getPublicKey(), sender, text('\x01')]);
    const secret = hmac(salt, hmac(hmac(this.#auth, shared), info));
    const key = hmac(secret, text('Content-Encoding: aes128gcm\0\x01')).subarray(0, 16);
    const nonce = hmac(secret, text('Content-Encoding: nonce\0\x01')).subarray(0, 12);
    const decipher = createDecipheriv('aes-128-gcm', key, nonce);
    decipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    // The last record ends with 2 and padding of zeros.
    return plain.subarray(0, plain.lastIndexOf(2)).toString('utf8');
  }
}
