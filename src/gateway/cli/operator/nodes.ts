// `holdfast drain NODE` and `resume NODE`: a node gives its shards away and goes on running, or takes some again. And `whoami`:
// as whom the API knows the token, and what that may.
import { WhoAmI } from '../../operations/model/cluster.ts';
import { fields } from '../table.ts';
import { nodeName } from '../values.ts';
import { done, reasonOf } from './act.ts';
import { read } from './api-client.ts';
import type { Session } from './session.ts';
import { shown } from './watch.ts';

export function drain(session: Session): Promise<number> {
  return tell(session, 'drain');
}

export function resume(session: Session): Promise<number> {
  return tell(session, 'resume');
}

async function tell(session: Session, what: 'drain' | 'resume'): Promise<number> {
  const node = nodeName('NODE', session.args.positionals[0] ?? '');
  return done(session, `nodes/${node}/${what}`, JSON.stringify({ reason: reasonOf(session.args) }));
}

export function whoami(session: Session): Promise<number> {
  const { api, json, out } = session;
  return shown(session, async () => {
    const answer = await api.get('whoami');
    if (json) return [answer.text];
    const { name, role, payloads, cluster, node, version } = await read(WhoAmI, answer);
    return fields(
      [
        ['name', name],
        ['role', role],
        ['payloads', payloads ? 'shown' : 'not shown'],
        ['cluster', cluster],
        ['asked', `${node}, holdfast ${version}, at ${answer.from.href}`],
      ],
      out.sheet,
    );
  });
}
