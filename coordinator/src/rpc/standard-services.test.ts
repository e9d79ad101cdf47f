import { createRequire } from 'node:module';
import {
  credentials,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addStandardServices, type Health } from './standard-services.js';

const REFLECTION = createRequire(import.meta.url)
  .resolve('@grpc/reflection')
  .replace(/build\/.*/, 'build/proto/grpc/reflection/v1/reflection.proto');

let server: Server;
let address: string;
let health: Health;

beforeAll(async () => {
  server = new Server();
  health = await addStandardServices(server);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  address = `127.0.0.1:${port}`;
});
afterAll(() => server.forceShutdown());

/** A client as a tool makes one, of a .proto alone. */
async function client(file: string, service: string) {
  const definition = (await load(file))[service] as ServiceDefinition;
  const Client = makeGenericClientConstructor(definition, service);
  return new Client(address, credentials.createInsecure());
}

it('tells a load balancer that it serves once it leads', async () => {
  const asked = await client(protoPath, 'grpc.health.v1.Health');
  const check = asked['check'] as unknown as (
    request: object,
    done: (error: Error | null, answer: { status: number }) => void,
  ) => void;
  const status = () =>
    new Promise((resolve, reject) =>
      check.call(asked, { service: 'kbisect.v1.Farm' }, (error, said) =>
        error ? reject(error) : resolve(said.status),
      ),
    );
  expect(await status()).toBe(2);
  health.leads();
  expect(await status()).toBe(1);
  asked.close();
});

it('tells a tool which services there are', async () => {
  const reflection = await client(REFLECTION, 'grpc.reflection.v1.ServerReflection');
  const open = reflection['serverReflectionInfo'] as unknown as () => AsyncIterable<{
    listServicesResponse: { service: { name: string }[] };
  }> & { write(request: object): void; end(): void };
  const call = open.call(reflection);
  call.write({ host: '', listServices: '*' });
  call.end();
  const names: string[] = [];
  for await (const { listServicesResponse } of call) {
    names.push(...listServicesResponse.service.map(({ name }) => name));
  }
  expect(names).toContain('kbisect.v1.Farm');
  expect(names).toContain('build.bazel.remote.execution.v2.ContentAddressableStorage');
  reflection.close();
});
