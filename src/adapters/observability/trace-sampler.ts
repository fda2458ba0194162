import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import { DispatcherError } from '../../domain/shared/errors.ts';

/**
 * The sampler that OTEL_TRACES_SAMPLER names; `parentbased_always_on` where it names none.
 * @throws DispatcherError DSP_INVALID_ARGUMENT for a name or a share that there is not
 */
export function samplerNamed(name: string | undefined, argument: string | undefined): Sampler {
  switch (name || 'parentbased_always_on') {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(shareOf(argument));
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(shareOf(argument)) });
    default:
      throw invalid(
        'OTEL_TRACES_SAMPLER',
        'must be always_on, always_off or traceidratio, or one of them after parentbased_',
      );
  }
}

function shareOf(argument: string | undefined): number {
  if (argument === undefined || argument === '') return 1;
  const share = Number(argument);
  if (share >= 0 && share <= 1) return share;
  throw invalid('OTEL_TRACES_SAMPLER_ARG', 'must be a number from 0 to 1');
}

function invalid(param: string, rule: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${param}: ${rule}`, { param });
}
