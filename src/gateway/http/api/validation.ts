// Is a request as its schema says? The first fault is told in plain words: which parameter or field, what was found, what
// is allowed. Parameters of path and query are text and become numbers where the schema wants one; a body is taken as it
// is. Nothing unknown is dropped in silence.
import { Ajv, type ErrorObject } from 'ajv';
import type { FastifySchemaCompiler } from 'fastify';
import { nearest, show } from '../../config/faults.ts';
import { ApiProblem } from './problem.ts';

const OPTIONS = { useDefaults: true, removeAdditional: false, verbose: true } as const;

/** @param named schemas that others refer to by `$ref`, each with its `$id` */
export function validatorCompiler(named: readonly object[]): FastifySchemaCompiler<object> {
  const body = new Ajv({ ...OPTIONS, coerceTypes: false, schemas: [...named] });
  const text = new Ajv({ ...OPTIONS, coerceTypes: true, schemas: [...named] });
  return ({ schema, httpPart }) => {
    const validate = (httpPart === 'body' ? body : text).compile(schema);
    return (data: unknown) => {
      if (validate(data)) return { value: data };
      const [fault] = validate.errors ?? [];
      return { error: new ApiProblem('BAD_REQUEST', fault === undefined ? 'not allowed' : inWords(fault, httpPart)) };
    };
  };
}

const PLACES: Readonly<Record<string, string>> = {
  body: 'the field',
  querystring: 'the query parameter',
  params: 'the path parameter',
};

function inWords(fault: ErrorObject, httpPart: string | undefined): string {
  const { keyword, params, parentSchema = {}, data } = fault;
  const path = pathOf(fault.instancePath);
  const place = PLACES[httpPart ?? ''] ?? 'the field';
  const member = (name: string) => `${place} ${path === '' ? name : `${path}.${name}`}`;
  if (keyword === 'additionalProperties') {
    const name = String(params.additionalProperty);
    const known = Object.keys(objectIn(parentSchema.properties));
    const meant = nearest(name, known);
    const allowed = known.length === 0 ? 'none' : known.join(', ');
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    return `${member(shortened(name))} is not known; allowed: ${allowed}${hint}`;
  }
  if (keyword === 'required') {
    const name = String(params.missingProperty);
    const schema = objectIn(objectIn(parentSchema.properties)[name]);
    return `${member(name)} is missing; it must be ${allowedBy(schema)}`;
  }
  const what = path === '' ? 'the body' : `${place} ${path}`;
  return `${what}: found ${show(data)}; allowed: ${allowedBy(parentSchema)}`;
}

/** What a schema allows, for a person. */
function allowedBy(schema: Readonly<Record<string, unknown>>): string {
  const { type, enum: list, pattern, minimum, maximum, minLength, maxLength, maxItems } = schema;
  if (Array.isArray(list)) return list.join(', ');
  switch (type) {
    case 'integer':
    case 'number':
      return `a ${type === 'integer' ? 'whole ' : ''}number${range(minimum, maximum)}`;
    case 'string':
      if (pattern === DIGITS) return '1 to 19 digits';
      if (pattern !== undefined) return `a text of the form ${pattern}`;
      return `a text${range(minLength, maxLength)}${(minLength ?? maxLength) ? ' characters' : ''}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return maxItems === undefined ? 'a list' : `a list of at most ${maxItems}`;
    case 'object':
      return 'a JSON object';
    default:
      return 'another value';
  }
}

const DIGITS = '^[0-9]{1,19}$';

function range(from: unknown, to: unknown): string {
  if (from !== undefined && to !== undefined) return ` from ${from} to ${to}`;
  if (from !== undefined) return ` of at least ${from}`;
  return to === undefined ? '' : ` of at most ${to}`;
}

/** `/filter/positions/0/offset` becomes `filter.positions[0].offset`. */
function pathOf(pointer: string): string {
  const steps = pointer.split('/').slice(1);
  const words = steps.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${shortened(unescaped(step))}`));
  return words.join('').replace(/^\./, '');
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

function shortened(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}…` : name;
}

function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
}
