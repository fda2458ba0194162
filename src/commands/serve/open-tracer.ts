import type { ClosableTracer } from '../../adapters/observability/otlp-tracer.ts';
import { NO_TRACER } from '../../application/ports/request-tracer.ts';
import { UsageError } from '../command-io.ts';

const OFF: ClosableTracer = { ...NO_TRACER, close: async () => undefined };

/**
 * The tracer that OpenTelemetry's standard variables ask for. Without an end point there is none, and nothing
 * of OpenTelemetry is loaded. Headers, timeouts and the like are read from the environment by the exporter itself.
 * @throws UsageError naming the variable
 */
export async function openTracer(
  env: Readonly<Record<string, string | undefined>>,
  modelId: string,
): Promise<ClosableTracer> {
  const url = collectorUrl(env);
  if (url === undefined) return OFF;
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol && !protocol.startsWith('http/'))
    throw new UsageError(`OTEL_EXPORTER_OTLP_PROTOCOL: '${protocol}' is not spoken: use http/json`);
  const { createOtlpTracer } = await import('../../adapters/observability/otlp-tracer.ts');
  return createOtlpTracer({
    url,
    modelId,
    sampler: env['OTEL_TRACES_SAMPLER'],
    samplerArgument: env['OTEL_TRACES_SAMPLER_ARG'],
    nowMs: () => performance.timeOrigin + performance.now(),
  });
}

function collectorUrl(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') return undefined;
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  const common = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const [variable, text] = own ? ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', own] : ['OTEL_EXPORTER_OTLP_ENDPOINT', common];
  if (!text) return undefined;
  const whole = own ? text : `${text.replace(/\/$/, '')}/v1/traces`;
  if (URL.canParse(whole) && /^https?:$/.test(new URL(whole).protocol)) return whole;
  throw new UsageError(`${variable}: '${text.slice(0, 200)}' is not an address such as http://localhost:4318`);
}
