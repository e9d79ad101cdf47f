import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { makeGenericClientConstructor } from '@grpc/grpc-js';
import {
  ByteStreamService,
  type ByteStreamClient,
  type ReadResponse,
  WriteRequest,
} from '../gen/google/bytestream/bytestream.js';
import { withRoomBefore } from './chunk.js';

// The generated code copies a blob's bytes twice when it writes a message and once when it reads one.

/** The service as generated, but for the two messages that carry blobs. */
export const ByteStreamDefinition = {
  ...ByteStreamService,
  read: {
    ...ByteStreamService.read,
    responseSerialize: writeReadResponse,
    responseDeserialize: readReadResponse,
  },
  write: {
    ...ByteStreamService.write,
    requestSerialize: writeWriteRequest,
    requestDeserialize: readWriteRequest,
  },
};

/** A client of that service. */
export const BlobStreamClient = makeGenericClientConstructor(
  ByteStreamDefinition,
  'google.bytestream.ByteStream',
) as unknown as typeof ByteStreamClient;

/** The number of the field `data`, in either message. */
const DATA = 10;

function writeReadResponse({ data }: ReadResponse): Buffer {
  const header = headerOf(data);
  const whole = withRoomBefore(data, header.length);
  if (whole === undefined) return Buffer.concat([header, data]);
  header.copy(whole);
  return whole;
}

function readReadResponse(bytes: Buffer): ReadResponse {
  const reader = new BinaryReader(bytes);
  let data: Buffer = Buffer.alloc(0);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === DATA) data = asBuffer(reader.bytes());
    else reader.skip(type);
  }
  return { data };
}

function writeWriteRequest(message: WriteRequest): Buffer {
  const rest = WriteRequest.encode({ ...message, data: Buffer.alloc(0) }).finish();
  return Buffer.concat([rest, headerOf(message.data), message.data]);
}

function readWriteRequest(bytes: Buffer): WriteRequest {
  const reader = new BinaryReader(bytes);
  const message: WriteRequest = {
    resourceName: '',
    writeOffset: 0,
    finishWrite: false,
    data: Buffer.alloc(0),
  };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) message.resourceName = reader.string();
    else if (field === 2) message.writeOffset = Number(reader.int64());
    else if (field === 3) message.finishWrite = reader.bool();
    else if (field === DATA) message.data = asBuffer(reader.bytes());
    else reader.skip(type);
  }
  return message;
}

/** What comes before `data` on the wire: nothing where it is empty, as protobuf has it. */
function headerOf({ length }: Uint8Array): Buffer {
  return Buffer.from(length === 0 ? [] : [(DATA << 3) | WireType.LengthDelimited, ...varint(length)]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

/** The same bytes as a Buffer; they are not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
