// Dead letters: listed, viewed, and driven once more.
import Type from 'typebox';
import { DeadLetterQuery } from '../../operations/model/dead-letters.ts';
import type { Operations } from '../../operations/operations.ts';
import { ApiProblem } from './problem.ts';
import { answers, Nothing, named } from './schemas.ts';
import { ACT_PROBLEMS, type Api, needs, type Serving } from './serving.ts';

const Position = Type.Object({
  partition: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }),
  offset: Type.String({ pattern: '^[0-9]{1,19}$' }),
});
/** A node's name, a dot, 16 digits. */
const RedriveParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 81 }) });
/** A topic is read from, which may be slow and long. */
const DEADLINE_MS = 30_000;
const HANDLER_TIMEOUT_MS = 35_000;

export function deadLetterRoutes(api: Api, serving: Serving): void {
  const tags = ['dead letters'];
  const handlerTimeout = HANDLER_TIMEOUT_MS;

  const list = {
    ...{ operationId: 'listDeadLetters', tags, summary: 'Newest first', querystring: DeadLetterQuery },
    response: answers('A page of dead letters', named('DeadLetterPage')),
  };
  api.get(
    '/dead-letters',
    { config: needs('viewer', 'BAD_CURSOR', 'TOO_MANY'), schema: list, handlerTimeout },
    ({ query }) => serving.ask((operations) => operations.deadLetters(query), DEADLINE_MS),
  );

  const one = {
    ...{ operationId: 'seeDeadLetter', tags, summary: 'One, with its headers', params: Position, querystring: Nothing },
    response: answers('The dead letter', named('DeadLetterView')),
  };
  api.get(
    '/dead-letters/:partition/:offset',
    { config: needs('viewer', 'NOT_FOUND', 'TOO_MANY'), schema: one, handlerTimeout },
    async (request) => {
      const { partition, offset } = request.params;
      const shown = serving.showsPayloadsTo(request.operator);
      const letter = await serving.ask((operations) => operations.deadLetter(partition, offset, shown), DEADLINE_MS);
      if (letter === undefined) {
        throw new ApiProblem('NOT_FOUND', `partition ${partition} has no dead letter at offset ${offset} (any more)`);
      }
      return shown ? letter : { ...letter, value: null };
    },
  );

  const redrive = {
    ...{ operationId: 'redriveDeadLetters', tags, summary: 'Count, or put back on the reply topic, those that match' },
    ...{ querystring: Nothing, body: named('RedriveBody') },
    response: answers('What matched, and what becomes of it', named('RedriveView')),
  };
  api.post(
    '/dead-letters/redrive',
    { config: needs('operator', ...ACT_PROBLEMS, 'TOO_MANY'), schema: redrive, handlerTimeout },
    ({ body, operator }) => {
      const run = (operations: Operations) => operations.redrive(body, operator);
      return (body.dryRun ?? true) ? serving.ask(run, DEADLINE_MS) : serving.act(run, DEADLINE_MS);
    },
  );

  const state = {
    ...{ operationId: 'seeRedrive', tags, summary: 'How far it is', params: RedriveParams, querystring: Nothing },
    response: answers('How far it is', named('RedriveView')),
  };
  api.get(
    '/dead-letters/redrives/:id',
    { config: needs('viewer', 'NOT_FOUND', 'NO_SUCH_NODE'), schema: state },
    async ({ params: { id } }) => {
      return (await serving.ask((operations) => operations.redriveState(id))) ?? unknownRedrive(id);
    },
  );

  const stop = {
    ...{ operationId: 'stopRedrive', tags, summary: 'Drive no more', params: RedriveParams, querystring: Nothing },
    ...{ body: named('StopRedriveBody'), response: answers('How far it came', named('RedriveView')) },
  };
  api.post(
    '/dead-letters/redrives/:id/stop',
    { config: needs('operator', ...ACT_PROBLEMS, 'NOT_FOUND', 'NO_SUCH_NODE'), schema: stop },
    async ({ params: { id }, body: { reason }, operator }) => {
      const stopped = await serving.act((operations) => operations.stopRedrive(id, operator, reason));
      return stopped ?? unknownRedrive(id);
    },
  );
}

function unknownRedrive(id: string): never {
  throw new ApiProblem(
    'NOT_FOUND',
    `there is no redrive ${id}; its node remembers the last ones, and forgets them when it ends`,
  );
}
