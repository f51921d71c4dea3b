/** The live stream: server-sent events through fetch, because EventSource can't carry a token. */

import { accessToken, SignedOut } from './api';
import type { LiveEvent } from './types';

/** The server writes at least a comment every 20 seconds. */
const SILENCE_MS = 45_000;
const WAITS_MS = [300, 1_000, 2_000, 5_000, 10_000, 15_000];

export type LiveState = 'connecting' | 'live' | 'away';

export interface LiveHandlers {
  cursor: () => string | null;
  /** The position that the stream begins at, where there was no cursor, or none that the server knows. */
  ready: (position: string) => Promise<void>;
  events: (events: LiveEvent[]) => Promise<void>;
  state: (state: LiveState) => void;
  /** The server does not know the cursor: load everything again. */
  lost: () => Promise<void>;
  signedOut: () => void;
}

export interface SseMessage {
  id: string;
  event: string;
  data: string;
}

/** Takes text as it comes, and gives back the messages that are whole. */
export class SseParser {
  private rest = '';

  push(text: string): SseMessage[] {
    const blocks = (this.rest + text).replace(/\r\n?/g, '\n').split('\n\n');
    this.rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      const message: SseMessage = { id: '', event: 'message', data: '' };
      for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        if (colon <= 0) continue;
        const value = line.slice(colon + 1).replace(/^ /, '');
        const field = line.slice(0, colon);
        if (field === 'data') message.data += (message.data && '\n') + value;
        else if (field === 'id' || field === 'event') message[field] = value;
      }
      return message.data ? [message] : [];
    });
  }
}

/** Stays connected until `stop` is aborted. */
export function live(handlers: LiveHandlers, stop: AbortSignal): { wake: (anew: boolean) => void } {
  let wake: () => void = () => {};
  let connection: AbortController | null = null;
  let lastByte = 0;

  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  async function connect(): Promise<void> {
    connection = new AbortController();
    const current = connection;
    const give = () => current.abort();
    stop.addEventListener('abort', give, { once: true });
    lastByte = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - lastByte > SILENCE_MS) give();
    }, 5_000);
    try {
      const cursor = handlers.cursor();
      const response = await fetch(cursor === null ? '/api/live' : `/api/live?after=${cursor}`, {
        headers: { authorization: `Bearer ${await accessToken()}` },
        cache: 'no-store',
        signal: current.signal,
      });
      if (response.status === 410 || response.status === 422) return await handlers.lost();
      if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
      const parser = new SseParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      if (cursor !== null) handlers.state('live');
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        lastByte = Date.now();
        const messages = parser.push(value);
        const ready = messages.find((message) => message.event === 'ready');
        if (ready) {
          await handlers.ready((JSON.parse(ready.data) as { position: string }).position);
          handlers.state('live');
        }
        const events = messages.filter((message) => message.event.startsWith('punctual.'));
        if (events.length > 0)
          await handlers.events(events.map((message) => JSON.parse(message.data) as LiveEvent));
      }
    } finally {
      clearInterval(watch);
      stop.removeEventListener('abort', give);
      current.abort();
    }
  }

  void (async () => {
    for (let failures = 0; !stop.aborted; ) {
      const began = Date.now();
      handlers.state('connecting');
      try {
        await connect();
        failures = 0;
      } catch (error) {
        if (stop.aborted) return;
        if (error instanceof SignedOut) return handlers.signedOut();
        failures = Date.now() - began > 10_000 ? 0 : failures + 1;
        handlers.state('away');
      }
      if (stop.aborted) return;
      const base = WAITS_MS[Math.min(failures, WAITS_MS.length - 1)] ?? 0;
      await wait(base * (0.75 + Math.random() / 2));
    }
  })();

  return {
    /** Comes back at once: the window is there again, or (`anew`) another network, where the old stream hangs. */
    wake: (anew) => {
      if (anew || Date.now() - lastByte > 25_000) connection?.abort();
      wake();
    },
  };
}
