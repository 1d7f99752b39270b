/**
 * The same text as a string of its own. One that was cut out of a larger one, by a decoder or by hand, keeps all of that in
 * memory, for as long as it lives: to be used for what is kept of each of a million jobs.
 */
export function flat<T extends string>(text: T): T {
  return Buffer.from(text, 'utf8').toString('utf8') as T;
}
