import { useEffect, useRef, useState } from 'react';

const QUIET_MS = 800;

export interface FieldDraft {
  value: string;
  onChange: (value: string) => void;
  onBlur: () => void;
  /** What somebody else has made of the field meanwhile; nothing is saved until the person has chosen. */
  clash: string | null;
  choose: (keep: 'mine' | 'theirs') => void;
}

/** A text field that saves itself when it is left or at rest, and never over a change that was not seen. */
export function useFieldDraft(saved: string, save: (value: string) => void): FieldDraft {
  const [text, setText] = useState<string | null>(null);
  const begun = useRef(saved);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef({ text, saved, save });
  latest.current = { text, saved, save };
  const clash = text !== null && saved !== begun.current && saved !== text ? saved : null;

  const commit = () => {
    clearTimeout(timer.current);
    const now = latest.current;
    if (now.text === null || (now.saved !== begun.current && now.saved !== now.text)) return;
    if (now.text !== now.saved) now.save(now.text);
    begun.current = now.text;
  };
  const committing = useRef(commit);
  committing.current = commit;
  useEffect(() => () => committing.current(), []);

  return {
    value: text ?? saved,
    clash,
    onChange: (value) => {
      if (text === null) begun.current = saved;
      setText(value);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => committing.current(), QUIET_MS);
    },
    onBlur: () => {
      commit();
      if (clash === null) setText(null);
    },
    choose: (keep) => {
      begun.current = saved;
      if (keep === 'theirs') setText(null);
      else if (text !== null) {
        save(text);
        begun.current = text;
      }
    },
  };
}
