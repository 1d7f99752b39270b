// Every path of the API with a request that is good, and the least role that may make it.

import type { Role } from '../../../src/gateway/operations/operations.ts';
import { JOB_KEY } from './fake-operations.ts';

export interface Endpoint {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** As the OpenAPI document has it. */
  readonly path: string;
  readonly role: Role;
  readonly body?: object;
}

const see = (path: string, url = path): Endpoint => ({
  ...{ method: 'GET', url: `/api/v1${url}`, path: `/api/v1${path}`, role: 'viewer' },
});
const act = (role: Role, path: string, url: string, body: object): Endpoint => ({
  ...{ method: 'POST', url: `/api/v1${url}`, path: `/api/v1${path}`, role, body },
});
const onJob = (what: string, body: object): Endpoint =>
  act('operator', `/jobs/{jobKey}/${what}`, `/jobs/${JOB_KEY}/${what}`, { reason: 'the service lost it', ...body });

export const ENDPOINTS: readonly Endpoint[] = [
  see('/whoami'),
  see('/cluster'),
  see('/flow', '/flow?seconds=60'),
  see('/routes'),
  see('/jobs', '/jobs?state=held&limit=10'),
  see('/jobs/{jobKey}', `/jobs/${JOB_KEY}`),
  see('/outcomes', '/outcomes?outcome=completed'),
  see('/audit'),
  see('/dead-letters', '/dead-letters?reason=late'),
  see('/dead-letters/{partition}/{offset}', '/dead-letters/0/42'),
  see('/dead-letters/redrives/{id}', '/dead-letters/redrives/r1'),
  onJob('resend', {}),
  onJob('extend', { replyTimeoutMs: 60_000 }),
  onJob('complete', { variables: { paid: true } }),
  onJob('fail', { message: 'given up', retries: 0 }),
  onJob('throw', { errorCode: 'NO_FUNDS' }),
  onJob('drop', {}),
  act('admin', '/nodes/{node}/drain', '/nodes/n2/drain', { reason: 'new disks' }),
  act('admin', '/nodes/{node}/resume', '/nodes/n2/resume', { reason: 'disks are in' }),
  act('operator', '/dead-letters/redrive', '/dead-letters/redrive', { reason: 'it is fixed', filter: {} }),
  act('operator', '/dead-letters/redrives/{id}/stop', '/dead-letters/redrives/r1/stop', { reason: 'not yet' }),
];
