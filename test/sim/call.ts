// One remote call with everything that can become of it: the request lost, late, or served and its answer lost.
//
// The caller always hears something by its deadline, on its own clock. `inDoubt` never says whether the call had its
// effect; the same call may be served after its caller was told so.
import type { CallFaults } from './faults.ts';
import type { Host, ServerName } from './host.ts';
import type { SeededRandom } from './random.ts';

export interface Call<T> {
  readonly host: Host;
  readonly server: ServerName;
  readonly random: SeededRandom;
  readonly faults: CallFaults;
  readonly deadlineMs: number;
  /** At the server. It answers now, later or never. */
  readonly serve: (answer: (value: T) => void) => void;
  /** No answer. `left`: the request left the process, so it may have had, or may yet have, its effect. */
  readonly inDoubt: (left: boolean) => T;
}

export function call<T>({ host, server, random, faults, deadlineMs, serve, inDoubt }: Call<T>): Promise<T> {
  return new Promise((resolve) => {
    const link = host.links[server];
    const there = wayMs(random, faults) + (random.chance(faults.late) ? random.float() * faults.lateMs : 0);
    const requestLost = random.chance(faults.requestLost);
    const answerLost = random.chance(faults.answerLost);
    const lateMs = faults.late > 0 && random.chance(faults.late) ? random.float() * faults.lateMs : 0;
    const end = (value: T) => {
      deadline.cancel();
      forget();
      resolve(value);
    };
    const deadline = host.clock.setTimer(Math.max(0, deadlineMs), () => end(inDoubt(true)));
    const forget = link.onLoss(() => end(inDoubt(true)));
    const left = link.toServer(there, () => {
      if (requestLost) return;
      serve((value) => {
        if (!answerLost) link.toHost(wayMs(random, faults) + lateMs, () => end(value));
      });
    });
    if (!left) {
      deadline.cancel();
      forget();
      host.clock.deliver(1, () => resolve(inDoubt(false)));
    }
  });
}

export function wayMs(random: SeededRandom, faults: CallFaults): number {
  return random.between(faults.delayMs[0], faults.delayMs[1]);
}
