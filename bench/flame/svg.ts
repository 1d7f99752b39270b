// The tree as one SVG file that any browser shows: a row for each depth, the width of a frame its share of the whole. No script:
// what a frame is stands in its tooltip.
import { type FlameNote, metadataOf } from './note.ts';
import type { Frame, Owner } from './tree.ts';

const WIDTH = 1_200;
const ROW = 16;
const HEAD = 44;
/** Letters of 11 px are about so wide. */
const LETTER = 6.2;
/** Of the whole; what is narrower is left out. */
const LEAST_SHARE = 0.002;

const COLOURS: Readonly<Record<Owner, string>> = {
  ours: '#f2a65a',
  library: '#9cc5a1',
  node: '#a9c0e6',
  engine: '#d9d9d9',
};
const LEGEND: Readonly<Record<Owner, string>> = {
  ours: 'holdfast',
  library: 'libraries',
  node: 'Node.js',
  engine: 'V8 and native code',
};

export function svgOf(root: Frame, title: string, note: FlameNote): string {
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, x: number, depth: number) => {
    const width = (frame.totalMs / root.totalMs) * WIDTH;
    deepest = Math.max(deepest, depth);
    boxes.push(boxOf(frame, root.totalMs, x, HEAD + depth * ROW, width));
    let childX = x;
    for (const child of [...frame.children.values()].toSorted((a, b) => b.totalMs - a.totalMs)) {
      if (child.totalMs / root.totalMs < LEAST_SHARE) break;
      draw(child, childX, depth + 1);
      childX += (child.totalMs / root.totalMs) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const height = HEAD + (deepest + 1) * ROW + 4;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="11">
<title>${escaped(title)}</title>
${metadataOf(note)}
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="4" y="16" font-size="14">${escaped(title)}</text>
${legend()}
${boxes.join('\n')}
</svg>
`;
}

function boxOf({ name, place, owner, totalMs, selfMs }: Frame, allMs: number, x: number, y: number, width: number) {
  const share = (ms: number) => `${((100 * ms) / allMs).toFixed(1)} %`;
  const tooltip = `${name}${place === '' ? '' : ` ${place}`}: ${share(totalMs)}, itself ${share(selfMs)}`;
  const letters = Math.floor((width - 4) / LETTER);
  const label = letters < 3 ? '' : name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  const text = label === '' ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(label)}</text>`;
  return `<g><title>${escaped(tooltip)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.3, width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${COLOURS[owner]}"/>${text}</g>`;
}

function legend(): string {
  return (Object.keys(COLOURS) as Owner[])
    .map((owner, index) => {
      const x = 4 + index * 150;
      return `<rect x="${x}" y="24" width="12" height="12" fill="${COLOURS[owner]}"/><text x="${x + 16}" y="34">${LEGEND[owner]}</text>`;
    })
    .join('');
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`);
}
