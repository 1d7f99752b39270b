// Four projects: `structure` (who may import whom), `unit` (no process but this one), `servers` (real NATS, Kafka and
// Zeebe; part of npm test) and `full` (the long suites of npm run test:full). A file says by its name where it belongs.
// Files that use real servers run one after another, after everything else: two cores are few.
import { defineConfig, type TestUserConfig } from 'vitest/config';

if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(
    `This is Node ${process.versions.node}; holdfast needs 24 or later, which npm ci installs for npm scripts. ` +
      'If this is one (npm test), npm has blocked its installation: run "npm rebuild node", then try again.',
  );
  process.exit(1);
}

const servers = '**/*.servers.test.ts';
const full = '**/*.full.test.ts';

// Where .ci/run wants the figures.
const report = process.env.HOLDFAST_TEST_REPORT;

const onSharedServers = {
  globalSetup: 'test/support/shared-servers.ts',
  fileParallelism: false,
  hookTimeout: 240_000,
} satisfies TestUserConfig;

export default defineConfig({
  test: {
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
          testTimeout: 120_000,
          sequence: { groupOrder: 1 },
          ...onSharedServers,
        },
      },
      {
        test: {
          name: 'full',
          include: [`test/${full}`],
          testTimeout: 600_000,
          sequence: { groupOrder: 2 },
          ...onSharedServers,
        },
      },
    ],
  },
});
