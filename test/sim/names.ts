// Names in a simulated world.
import { GIVE_BACK_MESSAGE } from '../../src/gateway/intake/intake.ts';
import type { Names } from './checker.ts';

export const JOB_TYPE = 'charge-card';
export const NAMES: Names = {
  requestTopic: 'payments.requests',
  replyTopic: 'holdfast.sim.replies',
  deadLetterTopic: 'holdfast.sim.dlq',
  ackTopic: 'holdfast.sim.acks',
  giveBack: GIVE_BACK_MESSAGE,
};

/** Whoever acts by hand. */
export const OPERATOR = 'anna';
