import { describe, expect, test } from 'vitest';
import { SseParser } from '../src/core/live';

describe('SseParser', () => {
  test('gives whole messages only, wherever the bytes are cut', () => {
    const text =
      'id: 7\nevent: punctual.task.created.v1\ndata: {"a":1}\n\n: still here\n\ndata: x\ndata: y\n\n';
    for (let cut = 0; cut <= text.length; cut++) {
      const parser = new SseParser();
      const messages = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
      expect(messages).toEqual([
        { id: '7', event: 'punctual.task.created.v1', data: '{"a":1}' },
        { id: '', event: 'message', data: 'x\ny' },
      ]);
    }
  });

  test('keeps what is not finished for the next time', () => {
    const parser = new SseParser();
    expect(parser.push('data: 1')).toEqual([]);
    expect(parser.push('\n')).toEqual([]);
    expect(parser.push('\n')).toEqual([{ id: '', event: 'message', data: '1' }]);
  });

  test('lines may end as on Windows, also where a read ends between the two characters', () => {
    const parser = new SseParser();
    const messages = [
      ...parser.push('data: 1\r'),
      ...parser.push('\n\r'),
      ...parser.push('\ndata: 2\r\n\r\n'),
    ];
    expect(messages.map((message) => message.data)).toEqual(['1', '2']);
  });

  test('a comment and a field without data are no message', () => {
    expect(new SseParser().push(': hello\n\nid: 3\n\n')).toEqual([]);
  });
});
