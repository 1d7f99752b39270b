// What is answered instead of what was asked for.
import Type from 'typebox';

/** RFC 9457. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String({ description: 'What was found and what is allowed' }),
  code: Type.Optional(Type.String({ description: 'As in docs/errors.md' })),
});
export type Problem = Type.Static<typeof Problem>;
