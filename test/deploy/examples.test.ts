// What users are given to begin with hangs together: the example services pin what they need and know nothing of holdfast, and the
// tutorial's process, configuration, services and text name the same things. That the services answer as they should is tested
// with real ones: test/contract/examples.full.test.ts.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS } from '../../src/gateway/cli/command-table.ts';
import { TEMPLATE_JOB_TYPE } from '../../src/gateway/config/template.ts';
import { HEADER_LABELS, INPUT_LABELS } from '../../src/gateway/intake/template-fields.ts';
import { EXAMPLES, sourcesOf } from '../contract/services.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');
const TOPIC = 'payments.requests';

describe.each(EXAMPLES)('the example in $framework', (service) => {
  const source = readFileSync(join(sourcesOf(service), service.source), 'utf8');
  const [dependencies] = service.version;
  const needs = readFileSync(join(sourcesOf(service), dependencies), 'utf8');

  test('says how to run it', () => {
    expect(readFileSync(join(sourcesOf(service), 'README.md'), 'utf8')).toContain('KAFKA_BOOTSTRAP_SERVERS=');
  });

  test('has nothing of holdfast in it', () => {
    expect(source + needs).not.toMatch(/holdfast|zeebe|camunda/i);
  });

  test('listens on the topic that the tutorial makes', () => {
    const settings =
      service.name === 'spring'
        ? read('deploy/examples/services/spring/src/main/resources/application.properties')
        : source;
    expect(settings).toContain(TOPIC);
  });
});

test('how to run them says how to make that topic', () => {
  expect(read('deploy/examples/services/README.md')).toMatch(
    new RegExp(`^ {4}npm exec -- node deploy/local/main\\.ts --topic ${TOPIC}$`, 'm'),
  );
});

test('what the examples need is pinned', () => {
  const { dependencies, devDependencies } = JSON.parse(read('deploy/examples/services/nest/package.json'));
  const requirements = read('deploy/examples/services/python/requirements.txt').trim().split('\n');
  const pinned = Object.values<string>({ ...dependencies, ...devDependencies });
  expect(pinned.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  expect(requirements.filter((line) => !/^[\w-]+==[\w.]+$/.test(line))).toEqual([]);
  expect(read('deploy/examples/services/spring/pom.xml').match(/<version>.*?<\/version>/g)).toEqual([
    expect.stringMatching(/<version>\d+\.\d+\.\d+</),
    '<version>1</version>',
  ]);
});

describe('the tutorial', () => {
  const bpmn = read('deploy/examples/tutorial/charge-card.bpmn');
  const tutorial = read('docs/tutorial.md');
  const attributes = (element: string, attribute: string) =>
    [...bpmn.matchAll(new RegExp(`<zeebe:${element} [^>]*?${attribute}="(.*?)"`, 'g'))].map(([, value]) => value ?? '');

  test('has a process that the element template could have made', () => {
    const { id, version } = JSON.parse(read('deploy/element-templates/holdfast-kafka-request.json'));
    expect(bpmn).toContain(`zeebe:modelerTemplate="${id}" zeebe:modelerTemplateVersion="${version}"`);
    expect(attributes('taskDefinition', 'type')).toEqual([TEMPLATE_JOB_TYPE]);
    const inputs = attributes('input', 'target').map((target) => target.replace('holdfast.', ''));
    expect(inputs.filter((input) => !(input in INPUT_LABELS))).toEqual([]);
    const headers = attributes('header', 'key').filter((key) => !key.startsWith('elementTemplate'));
    expect(headers.filter((header) => !(header in HEADER_LABELS))).toEqual([]);
  });

  test('names one topic throughout', () => {
    expect(attributes('input', 'source')).toContain(TOPIC);
    expect(parse(read('deploy/examples/tutorial/holdfast.yaml')).template.topics).toEqual(['payments.*']);
    expect(read('deploy/examples/tutorial/deploy.ts')).toContain(`'${TOPIC}'`);
  });

  test('uses commands as they are', () => {
    const used = [...tutorial.matchAll(/^(?:KEY=\$\()?holdfast (.+)$/gm)].map(
      ([, words = '']) => words.split(/[)|]/)[0] ?? '',
    );
    expect(used.length).toBeGreaterThan(8);
    for (const words of used) {
      const [name = '', ...rest] = words.trim().split(/\s+/);
      const command = COMMANDS.find((known) => known.name === name);
      const options = rest.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
      expect(Object.keys(command?.options ?? {}), words).toEqual(expect.arrayContaining(options));
      expect(command, words).toBeDefined();
    }
  });

  test('runs and links files that are there', () => {
    const links = [...tutorial.matchAll(/\]\(([^#)]+?)(?:#.*?)?\)/g)].map(([, path = '']) =>
      join(dirname('docs/tutorial.md'), path),
    );
    const run = [...tutorial.matchAll(/\b(?:src|deploy)\/[\w./-]+\.(?:ts|py|txt|yaml)\b/g)].map(([path]) => path);
    expect(links.length).toBeGreaterThan(5);
    expect(run.length).toBeGreaterThan(5);
    expect([...links, ...run].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
