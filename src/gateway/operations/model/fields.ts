// What the shapes of the model are made of (the directory's files are what an operator sees and says: the API, the page and the command
// line, written once as schemas from which types, validation and the OpenAPI document are made).
//
// Units are in the names (`…Ms`: milliseconds, wall clock since the epoch where it is a moment `…AtMs`). What is not there is
// null, never left out, so that every table has the same columns. Keys of the engine are strings: they do not fit a number.
import Type from 'typebox';

export const Nullable = <T extends Type.TSchema>(schema: T, options: Type.TSchemaOptions = {}) =>
  Type.Union([schema, Type.Null()], options);
export const words = <const W extends readonly string[]>(list: W, description?: string) =>
  Type.Enum<[...W]>([...list] as [...W], description === undefined ? {} : { description });

export const JobKey = Type.String({ pattern: '^[0-9]{1,19}$', description: "The engine's key of the job" });
export const AtMs = Type.Number({ description: 'Wall clock, ms since the epoch' });
export const Limit = Type.Integer({ minimum: 1, maximum: 200, default: 50 });

export const Reason = Type.String({ minLength: 3, maxLength: 500, description: 'Why; kept in the audit' });
