// The tracing of one process: spans in batches over OTLP (HTTP, protobuf), to where the environment says. Loaded only where traces are
// wanted. A receiver that is away costs spans and one log line, never a call.
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import type { Clock } from '../../actors/ports.ts';
import type { Log } from '../log.ts';
import { productVersion } from '../product.ts';
import type { Tracing } from '../tracing.ts';
import { headersSource } from './headers.ts';
import type { TraceSettings } from './settings.ts';
import { type CallNames, OtelTracing } from './spans.ts';

/** `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over these. */
function resourceOf({ cluster, node }: CallNames & { readonly node: string }) {
  const own = resourceFromAttributes({
    'service.name': 'holdfast',
    'service.namespace': cluster,
    'service.version': productVersion(),
    'service.instance.id': node,
  });
  return own.merge(detectResources({ detectors: [envDetector] }));
}

export function startTracing(
  settings: TraceSettings,
  names: CallNames & { readonly node: string },
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  given?: SpanProcessor,
): Tracing {
  const told = new Set<string>();
  const tell = (message: string): void => {
    // An exporter says the same of every batch.
    if (told.size < 100 && !told.has(message)) log.warn('traces', { reason: message });
    told.add(message);
  };
  diag.setLogger(
    { error: tell, warn: tell, info: () => {}, debug: () => {}, verbose: () => {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const headers = headersSource(settings.headers, tell);
  const processor = given ?? new BatchSpanProcessor(new OTLPTraceExporter({ headers }));
  return new OtelTracing({ clock, names, resource: resourceOf(names), sampler: samplerOf(settings), processor });
}

export function samplerOf({ sampler, ratio }: TraceSettings): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}
