import { context, SpanStatusCode, trace, type Context, type Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobSpans, type JobSpan } from './job-spans.js';

/**
 * Sends where a job's time went as an OpenTelemetry trace when it is over, by OTLP over HTTP to where the environment says
 * (`OTEL_EXPORTER_OTLP_ENDPOINT`, and the other variables of the specification).
 */
export class Traces {
  readonly #provider: BasicTracerProvider;
  readonly #tracer: Tracer;

  private constructor(version: string) {
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        'service.name': process.env['OTEL_SERVICE_NAME'] ?? 'kbisect',
        'service.version': version,
      }),
      spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
    });
    this.#tracer = this.#provider.getTracer('kbisect', version);
  }

  /** Undefined when the environment names no endpoint. */
  static fromEnvironment(version: string): Traces | undefined {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = process.env;
    return all || traces ? new Traces(version) : undefined;
  }

  /** @param events all of a job that is over */
  ended(job: string, events: readonly JobEvent[]): void {
    const span = jobSpans(job, events);
    if (span) this.#send(span, context.active());
  }

  /** Resolves when all is sent, or cannot be. */
  async close(): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined);
  }

  #send({ name, from, to, attributes, failed, within }: JobSpan, parent: Context): void {
    const span = this.#tracer.startSpan(name, { startTime: from, attributes }, parent);
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    for (const inner of within) this.#send(inner, trace.setSpan(parent, span));
    span.end(to);
  }
}
