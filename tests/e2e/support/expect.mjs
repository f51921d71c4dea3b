import assert from 'node:assert/strict';

export const expectEqual = (seen, wanted, message) => assert.deepEqual(seen, wanted, message);
