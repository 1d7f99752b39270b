// The answers of a simulated service as Kafka records: what docs/services.md lets a service say, and what it does not.
import type { KafkaHeader } from '../../src/gateway/ports.ts';
import type { ErrorKind, ReplyKind } from './history.ts';
import type { SeededRandom } from './random.ts';

export interface Answer {
  readonly meant: ReplyKind;
  /** Of a failure: what it says itself. */
  readonly retries?: number | undefined;
  readonly backoff?: string | undefined;
}

/** Every second one of these is caught where it is thrown (`CAUGHT_CODES`). */
const CODES = ['DECLINED', 'UNHEARD_OF'];
const SAYS_RETRIES = [undefined, undefined, 0, 1, 5];
const SAYS_BACKOFF = [undefined, 'PT0S', 'PT2S'];
export const CAUGHT_CODES: readonly string[] = ['DECLINED', 'TIMED_OUT'];

/** Of this kind, or of any that is no result. */
export function drawError(random: SeededRandom, meant?: ErrorKind): Answer {
  const kind = meant ?? random.pick(['error', 'failure', 'failure', 'garbage']);
  const [retries, backoff] = [
    SAYS_RETRIES[random.int(SAYS_RETRIES.length)],
    SAYS_BACKOFF[random.int(SAYS_BACKOFF.length)],
  ];
  return kind === 'failure' ? { meant: kind, retries, backoff } : { meant: kind };
}

/** `said`: unique, so that whatever becomes of it can be told from other answers. */
export function answerOf(
  { meant, retries, backoff }: Answer,
  said: string,
  request: string,
): { value: string | null; headers: KafkaHeader[] } {
  const number = Number(said.split(' ')[1]);
  const headers = (entries: Record<string, string | undefined>) =>
    Object.entries(entries).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  switch (meant) {
    case 'malformed':
      return { value: said, headers: [] };
    case 'heartbeat':
      return {
        value: number % 3 === 0 ? null : `{"done":${number}}`,
        headers: headers({ 'reply-status': 'heartbeat' }),
      };
    case 'error':
      return {
        value: number % 2 === 0 ? null : `{"why":"${said}"}`,
        headers: headers({
          'reply-status': 'error',
          'error-code': CODES[number % 2],
          'error-message': said,
        }),
      };
    case 'failure':
      return {
        value: null,
        headers: headers({
          'reply-status': 'failure',
          'error-message': said,
          'error-retries': retries === undefined ? undefined : String(retries),
          'error-backoff': backoff,
        }),
      };
    case 'garbage': {
      const nonsense = [
        { 'reply-status': 'fine' },
        { 'reply-status': 'error' },
        { 'reply-status': 'failure', 'error-retries': 'many' },
      ];
      return { value: '{}', headers: headers(nonsense[number % nonsense.length] as Record<string, string>) };
    }
    default:
      return { value: `{"served":${number},"request":${request}}`, headers: [] };
  }
}
