#!/usr/bin/env node
// The command. Nothing newer than the check of Node's version may load before it: an older Node would answer with a
// syntax error from somewhere inside.
import process from 'node:process';

const MIN_NODE = 24;

if (Number.parseInt(process.versions.node, 10) < MIN_NODE) {
  process.stderr.write(
    `holdfast needs Node.js ${MIN_NODE} or later, and this is ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 2;
} else {
  const { run } = await import('./commands.ts');
  // Clients of servers that are away may still have sockets or timers; the command is over all the same.
  process.exit(await run(process.argv.slice(2), process.env));
}
