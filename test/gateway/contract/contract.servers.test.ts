// What a service and a modeller are promised (docs/services.md, docs/modelling.md), end to end. Most of it is waiting, so all
// of it happens at the same time, on one node.
import { describe, vi } from 'vitest';
import { ACKNOWLEDGEMENTS, acknowledgements } from './acknowledgements.ts';
import { BUSINESS_KEYS, businessKeys } from './business-keys.ts';
import { KEPT_RESULTS, resultInBackoff, resultInIncident } from './kept-results.ts';
import { LATE_REPLIES, lateReplies } from './late-replies.ts';
import { PROFILES, profiles } from './profiles.ts';
import { RELOAD, reload } from './reload.ts';
import { REPLY_TIMEOUTS, replyTimeouts } from './reply-timeouts.ts';
import { SIGNS_OF_LIFE, signsOfLife } from './signs-of-life.ts';
import { Stage } from './stage.ts';
import { TEMPLATE, template } from './template.ts';

// As many as there are: most of them only wait.
vi.setConfig({ maxConcurrency: 100 });

const stage = new Stage([
  REPLY_TIMEOUTS,
  LATE_REPLIES,
  PROFILES,
  TEMPLATE,
  BUSINESS_KEYS,
  SIGNS_OF_LIFE,
  ACKNOWLEDGEMENTS,
  KEPT_RESULTS,
  RELOAD,
]);

describe.concurrent('the contract', () => {
  signsOfLife(stage);
  resultInBackoff(stage);
  reload(stage);
  replyTimeouts(stage);
  template(stage);
  businessKeys(stage);
  lateReplies(stage);
  profiles(stage);
  acknowledgements(stage);
});

describe('the contract, and an operator', () => {
  resultInIncident(stage);
});
