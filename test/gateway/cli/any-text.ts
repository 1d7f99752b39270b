// Any text at all: control characters, surrogates, marks, emoji. (fast-check's own unit "binary" takes seconds to set up.)
import fc from 'fast-check';

const codePoint = fc.oneof(fc.integer({ min: 0, max: 0x2fff }), fc.integer({ min: 0, max: 0x10ffff }));

export function anyText(maxLength = 12): fc.Arbitrary<string> {
  return fc.array(codePoint, { maxLength }).map((codes) => String.fromCodePoint(...codes));
}
