// What fetch leaves to its callers: an answer of bounded size, and why there was none.

/** @throws Error when it is larger than `mostBytes` */
export async function textOf(response: Response, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes) throw new Error(`answered more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** In words that follow the name of whoever was asked. */
export function whyNoAnswer(error: unknown): string {
  if (!(error instanceof Error)) return `gave no answer (${error})`;
  if (error.name === 'TimeoutError') return 'did not answer in time';
  // fetch says only that it failed, and why in the cause.
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return `gave no answer (${cause?.code ?? cause?.message ?? error.message})`;
}
