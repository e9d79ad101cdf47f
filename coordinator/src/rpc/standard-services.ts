import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Server } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';

/** The published interface; found by the package, as this file runs from its source and from where it is compiled to. */
const PROTO = join(createRequire(import.meta.url).resolve('@kbisect/coordinator/main'), '../../../../proto');
const SERVED = ['farm', 'session', 'cache', 'identity'].map((name) => `kbisect/v1/${name}.proto`);
const FARM = 'kbisect.v1.Farm';
const CACHE = [
  'build/bazel/remote/execution/v2/remote_execution.proto',
  'google/bytestream/bytestream.proto',
];

/** Says in `grpc.health.v1` that the farm is served here from now on. */
export interface Health {
  leads(): void;
}

/**
 * Adds what standard gRPC tools ask for: `grpc.health.v1`, which says that this coordinator is there, and whether it leads and so
 * serves the farm; and server reflection.
 */
export async function addStandardServices(server: Server): Promise<Health> {
  const health = new HealthImplementation({ '': 'SERVING', [FARM]: 'NOT_SERVING' });
  health.addToServer(server);
  const definition = await load([...SERVED, ...CACHE], { includeDirs: [PROTO] });
  new ReflectionService(definition).addToServer(server);
  return { leads: () => health.setStatus(FARM, 'SERVING') };
}
