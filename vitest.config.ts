import { defineConfig } from 'vitest/config';

// Four projects: `structure` (who may import whom), `unit` (no process but this one), `servers` (real NATS, Kafka and
// Zeebe; part of npm test) and `full` (the long suites of npm run test:full). A file says by its name where it belongs.
const servers = '**/*.servers.test.ts';
const full = '**/*.full.test.ts';

export default defineConfig({
  test: {
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
        test: { name: 'servers', include: [`test/${servers}`], testTimeout: 120_000, hookTimeout: 240_000, fileParallelism: false },
      },
      {
        test: { name: 'full', include: [`test/${full}`], testTimeout: 600_000, hookTimeout: 240_000, fileParallelism: false },
      },
    ],
  },
});
