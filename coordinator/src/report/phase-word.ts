import { Progress_Phase } from '@kbisect/shared/gen/kbisect/v1/session';

/** What an agent does in a phase. */
export function phaseWord(phase: Progress_Phase): string {
  switch (phase) {
    case Progress_Phase.PHASE_UNSPECIFIED:
      return 'starting';
    case Progress_Phase.PHASE_FETCH:
      return 'fetching';
    case Progress_Phase.PHASE_CHECKOUT:
      return 'checkout';
    case Progress_Phase.PHASE_PACK:
      return 'packing';
    case Progress_Phase.PHASE_CONFIGURE:
      return 'config';
    case Progress_Phase.PHASE_BUILD:
      return 'building';
    case Progress_Phase.PHASE_UPLOAD:
      return 'upload';
    case Progress_Phase.PHASE_BOOT:
      return 'booting';
    case Progress_Phase.PHASE_RUN:
      return 'running';
    case Progress_Phase.PHASE_WAIT:
      return 'waiting';
  }
}
