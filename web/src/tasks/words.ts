/** The words of the composer, read by the server: it alone knows the grammar. Without it the text is the title. */

import { useEffect, useRef, useState } from 'react';
import { api } from '../core/api';
import type { Priority, Reminder, Repeat } from '../core/types';
import { language } from '../i18n';

const WAIT_MS = 1_000;
const LONGEST = 2_000;

export type Field = 'due' | 'repeat' | 'reminder' | 'priority' | 'project' | 'tag';

export interface Span {
  start: number;
  end: number;
  field: Field;
  words: string;
  stays: boolean;
}

interface Answer {
  task: {
    title: string;
    project_id?: string;
    priority: Priority;
    tags: string[];
    due?: string;
    repeat?: Repeat;
    reminders: Reminder[];
  };
  spans: Span[];
}

export interface Reading extends Answer {
  /** What was read, and which parts of it were not to be. */
  text: string;
  off: string[];
}

/** A backslash before every word that is not to be read, and the way back from places in that text. */
export function escaped(text: string, off: string[]): { text: string; back: (at: number) => number } {
  const places = new Set<number>();
  for (const part of off) {
    for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
      for (const word of part.matchAll(/\S+/g)) places.add(at + word.index);
    }
  }
  const sorted = [...places].sort((a, b) => a - b);
  let result = '';
  let from = 0;
  for (const at of sorted) {
    result += `${text.slice(from, at)}\\`;
    from = at;
  }
  return {
    text: result + text.slice(from),
    back: (at) => at - sorted.filter((place, n) => place + n < at).length,
  };
}

async function read(text: string, off: string[], signal: AbortSignal): Promise<Reading> {
  const sent = escaped(text, off);
  const answer = await api<Answer>('/api/quick-add', {
    method: 'POST',
    body: { text: sent.text, language: language() },
    signal,
  });
  const spans = answer.spans.map((span) => ({
    ...span,
    start: sent.back(span.start),
    end: sent.back(span.end),
  }));
  return { ...answer, spans, text, off };
}

export interface Words {
  /** What the present text says, as far as that is known. */
  reading: Reading | null;
  /** The same once it is known; `null` where the server can't be asked. */
  settled: () => Promise<Reading | null> | Reading | null;
}

/** One question at a time: the next one is about the latest text. */
export function useWords(text: string, off: string[]): Words {
  const [known, setKnown] = useState<Reading | null>(null);
  const latest = useRef({ text, off });
  latest.current = { text, off };
  const asking = useRef<Promise<void> | null>(null);
  const answered = useRef<Reading | null>(null);
  const stop = useRef<AbortController>(undefined);
  const fits = (reading: Reading | null, wanted: { text: string; off: string[] }): reading is Reading =>
    reading !== null && reading.text === wanted.text && reading.off === wanted.off;

  const ask = useRef(async () => {
    for (;;) {
      const wanted = latest.current;
      if (!wanted.text.trim() || wanted.text.length > LONGEST || fits(answered.current, wanted)) return;
      answered.current = await read(
        wanted.text,
        wanted.off,
        stop.current?.signal ?? AbortSignal.timeout(WAIT_MS),
      );
      setKnown(answered.current);
    }
  });

  const begin = useRef(() => {
    asking.current ??= ask
      .current()
      .catch(() => undefined)
      .finally(() => {
        asking.current = null;
      });
    return asking.current;
  });

  useEffect(() => {
    stop.current = new AbortController();
    return () => stop.current?.abort();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text or another part left out is another question
  useEffect(() => {
    void begin.current();
  }, [text, off]);

  return {
    reading: fits(known, { text, off }) ? known : null,
    settled: () => {
      if (fits(answered.current, latest.current)) return answered.current;
      if (!navigator.onLine || !latest.current.text.trim()) return null;
      const late = new Promise<void>((resolve) => setTimeout(resolve, WAIT_MS));
      return Promise.race([begin.current(), late]).then(() =>
        fits(answered.current, latest.current) ? answered.current : null,
      );
    },
  };
}
