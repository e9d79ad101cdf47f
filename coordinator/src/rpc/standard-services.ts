import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Server } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';

/** The published interface; found by the package, as this file runs from its source and from where it is compiled to. */
const PROTO = join(createRequire(import.meta.url).resolve('@kbisect/coordinator/main'), '../../../../proto');
const SERVED = ['farm', 'session', 'cache', 'identity'].map((name) => `kbisect/v1/${name}.proto`);
const CACHE = [
  'build/bazel/remote/execution/v2/remote_execution.proto',
  'google/bytestream/bytestream.proto',
];

/** Adds what standard gRPC tools ask for: `grpc.health.v1`, which says that all is served, and server reflection. */
export async function addStandardServices(server: Server): Promise<void> {
  new HealthImplementation({ '': 'SERVING', 'kbisect.v1.Farm': 'SERVING' }).addToServer(server);
  const definition = await load([...SERVED, ...CACHE], { includeDirs: [PROTO] });
  new ReflectionService(definition).addToServer(server);
}
