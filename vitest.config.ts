// Six projects: `structure` (who may import whom), `unit` (no process but this one), `servers` (real NATS, Kafka and Zeebe;
// part of npm test) and `storms` (the same, and hurts them); of npm run test:full `long` and `full`, which are to each other as
// those two. A file says by its name where it belongs. Files that use real servers come after everything else, two at a time, for
// most of what they do is waiting; those that hurt servers, or use up the machine, one after another: two cores are few.
import { defineConfig, type TestUserConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(
    `This is Node ${process.versions.node}; holdfast needs 24 or later, which npm ci installs for npm scripts. ` +
      'If this is one (npm test), npm has blocked its installation: run "npm rebuild node", then try again.',
  );
  process.exit(1);
}

const servers = '**/*.servers.test.ts';
const storms = 'chaos/*.servers.test.ts';
const full = '**/*.full.test.ts';
const long = [
  'test/contract/*.full.test.ts',
  'test/{bench,cluster,deploy,gateway}/**/*.full.test.ts',
  'test/chaos/cancelled.full.test.ts',
  'test/sim/mutants/*.full.test.ts',
];

// Where .ci/run wants the figures.
const report = process.env.HOLDFAST_TEST_REPORT;

const onSharedServers = {
  globalSetup: 'test/support/shared-servers.ts',
  hookTimeout: 240_000,
} satisfies TestUserConfig;

/** A file that takes a minute of a core or more, begun last, would keep the other core idle for as long. */
const BEGUN_FIRST = /\/test\/sim\/(seeds|mutants\/mutants\.full)\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isFirst = ({ moduleId }: TestSpecification) => BEGUN_FIRST.test(moduleId);
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      { test: { name: 'structure', include: ['test/structure.test.ts'] } },
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/structure.test.ts', servers, full],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'servers',
          include: [`test/${servers}`],
          exclude: [`test/${storms}`],
          testTimeout: 120_000,
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          ...onSharedServers,
        },
      },
      {
        test: {
          name: 'storms',
          include: [`test/${storms}`],
          testTimeout: 120_000,
          sequence: { groupOrder: 2 },
          fileParallelism: false,
          ...onSharedServers,
        },
      },
      {
        test: {
          name: 'long',
          include: long,
          testTimeout: 600_000,
          sequence: { groupOrder: 3 },
          maxWorkers: 2,
          ...onSharedServers,
        },
      },
      {
        test: {
          name: 'full',
          include: [`test/${full}`],
          exclude: long,
          testTimeout: 600_000,
          sequence: { groupOrder: 4 },
          fileParallelism: false,
          ...onSharedServers,
        },
      },
    ],
  },
});
