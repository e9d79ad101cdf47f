import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReadResponse, WriteRequest } from '../gen/google/bytestream/bytestream.js';
import { asBuffer, ByteStreamDefinition } from './byte-stream.js';
import { CHUNK_BYTES, giveBackChunk, takeChunk } from './chunk.js';

const { read, write } = ByteStreamDefinition;
const data = fc.uint8Array({ maxLength: 300 }).map(asBuffer);

it('messages are on the wire as the generated code writes and reads them', () => {
  fc.assert(
    fc.property(
      data,
      fc.string(),
      fc.maxSafeNat(),
      fc.boolean(),
      (bytes, resourceName, writeOffset, finishWrite) => {
        const response = { data: bytes };
        expect(ReadResponse.decode(read.responseSerialize(response))).toEqual(response);
        expect(read.responseDeserialize(asBuffer(ReadResponse.encode(response).finish()))).toEqual(response);
        const request = { resourceName, writeOffset, finishWrite, data: bytes };
        expect(WriteRequest.decode(write.requestSerialize(request))).toEqual(request);
        expect(write.requestDeserialize(asBuffer(WriteRequest.encode(request).finish()))).toEqual(request);
      },
    ),
  );
});

it.each([65_536, 140_704, CHUNK_BYTES])(
  'a chunk of %i bytes goes into a message where it lies, and keeps its bytes',
  (bytes) => {
    const chunk = takeChunk(bytes).fill(7);
    const message = read.responseSerialize({ data: chunk });
    expect(message.buffer).toBe(chunk.buffer);
    expect(ReadResponse.decode(message).data.equals(Buffer.alloc(bytes, 7))).toBe(true);
    expect(chunk.equals(Buffer.alloc(bytes, 7))).toBe(true);
    const part = chunk.subarray(1);
    expect(ReadResponse.decode(read.responseSerialize({ data: part })).data.equals(part)).toBe(true);
    expect(chunk[0]).toBe(7);
  },
);

it('a buffer that was given back is taken again; one of other origin is not', () => {
  const chunk = takeChunk(CHUNK_BYTES);
  giveBackChunk(chunk);
  expect(takeChunk(CHUNK_BYTES).buffer).toBe(chunk.buffer);
  const other = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  giveBackChunk(other);
  expect(takeChunk(CHUNK_BYTES).buffer).not.toBe(other.buffer);
});

it('fields that are not known are passed over', () => {
  const unknown = Buffer.from([(4 << 3) | 0, 1, (5 << 3) | 2, 2, 9, 9]);
  expect(write.requestDeserialize(unknown)).toEqual(WriteRequest.create());
  expect(read.responseDeserialize(unknown)).toEqual(ReadResponse.create());
});
