// The names of technical headers, for services that have words of their own for them. Whatever is not named keeps the name
// that Spring, NestJS, SmallRye and CloudEvents know.
import { ceHeader, DEFAULT_HEADER_NAMES, type HeaderNames } from '../header-names.ts';
import { type Rule, text } from './rules.ts';
import type { Section } from './yaml.ts';

const HEADER: Rule<string> = text(/^[A-Za-z0-9._-]{1,128}$/, 'a header name of letters, digits, ".", "_" and "-"');
const ATTRIBUTE: Rule<string> = text(
  /^[a-z0-9]{1,20}$/,
  'a CloudEvents attribute name: 1 to 20 lower-case letters and digits',
);
const FIELD: Rule<string> = text(/^[^\p{Cc}]{1,128}$/u, 'the name of a field of the body');

const RULES: Partial<Record<keyof HeaderNames, Rule<string>>> = {
  ceCorrelationId: ATTRIBUTE,
  ceReplyTopic: ATTRIBUTE,
  bodyField: FIELD,
};

/** The optional mapping `headerNames`; faults are noted. */
export function headerNamesOf(top: Section): HeaderNames {
  const section = top.section('headerNames', `a mapping of ${Object.keys(DEFAULT_HEADER_NAMES).join(', ')} to names`);
  const settings = Object.keys(DEFAULT_HEADER_NAMES) as (keyof HeaderNames)[];
  const names = Object.fromEntries(
    settings.map((setting) => [
      setting,
      section.optional(setting, RULES[setting] ?? HEADER, DEFAULT_HEADER_NAMES[setting]),
    ]),
  ) as unknown as HeaderNames;
  const taken = new Map<string, string>();
  for (const setting of settings) {
    if (setting === 'bodyField') continue;
    const name = setting.startsWith('ce') ? ceHeader(names[setting]) : names[setting];
    const other = taken.get(name);
    if (other !== undefined) section.fault(setting, name, `a name of its own; ${other} has that one`);
    taken.set(name, setting);
  }
  section.done();
  return names;
}
