import { expect, test } from 'vitest';
import { escaped } from '../src/tasks/words';

test('a part that is turned off is sent behind backslashes, and places come back', () => {
  const sent = escaped('call Bob next friday at 9', ['next friday']);
  expect(sent.text).toBe('call Bob \\next \\friday at 9');
  expect(sent.text.slice(23, 27)).toBe('at 9');
  expect([sent.back(23), sent.back(27)]).toEqual([21, 25]);
  expect(escaped('plain', []).text).toBe('plain');
});
