// What the package is made of, as CycloneDX on standard output: npm's own list, without what is only for development.
// (npm's `--omit=dev` leaves out packages too that are both a dependency of ours and of something for development.)
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

interface Bill {
  components: { 'bom-ref': string; properties?: { name: string; value: string }[] }[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

const { stdout } = await promisify(execFile)('npm', ['sbom', '--sbom-format=cyclonedx'], {
  maxBuffer: 64 * 1024 * 1024,
});
const bill = JSON.parse(stdout) as Bill;
const isShipped = ({ properties = [] }: Bill['components'][number]) =>
  !properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true');
const gone = new Set(
  bill.components.filter((component) => !isShipped(component)).map((component) => component['bom-ref']),
);
bill.components = bill.components.filter(isShipped);
bill.dependencies = bill.dependencies
  .filter(({ ref }) => !gone.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((on) => !gone.has(on)) }));
console.log(JSON.stringify(bill, undefined, 2));
