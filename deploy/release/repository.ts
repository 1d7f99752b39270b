// `node deploy/release/repository.ts`, by the release alone: writes into package.json in which repository it was built. npm compares that
// with where the provenance of a package says that it comes from, and takes no package in which the two differ. Nothing of it is
// committed, for where this is kept is known only there: GITHUB_SERVER_URL and GITHUB_REPOSITORY, as GitHub's runners set them.
import { readFileSync, writeFileSync } from 'node:fs';

const { GITHUB_SERVER_URL: server = '', GITHUB_REPOSITORY: name = '' } = process.env;
const url = `git+${server}/${name}.git`;
const faults = [
  ...(/^https:\/\/[\w.-]+(:\d+)?$/.test(server) ? [] : [`GITHUB_SERVER_URL: found "${server}"; allowed: https://HOST`]),
  ...(/^[\w.-]+\/[\w.-]+$/.test(name) ? [] : [`GITHUB_REPOSITORY: found "${name}"; allowed: OWNER/NAME`]),
];
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { repository?: { url?: string } | string };
const { repository } = manifest;
const said = typeof repository === 'string' ? repository : repository?.url;
if (said !== undefined && said !== url) {
  faults.push(
    `repository in package.json: found "${said}"; allowed: nothing, or "${url}", where this release is built`,
  );
}
if (faults.length > 0) {
  for (const fault of faults) console.error(`release: ${fault}`);
  process.exitCode = 1;
} else {
  writeFileSync('package.json', `${JSON.stringify({ ...manifest, repository: { type: 'git', url } }, undefined, 2)}\n`);
  console.log(`release: the package is of ${url}`);
}
