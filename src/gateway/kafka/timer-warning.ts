// kafkajs sets a timer in the past, of which Node 24 warns once: that one warning is dropped, if kafkajs caused it.

let warningsFiltered = false;

/** To be called by whoever makes a kafkajs client, before it. */
export function dropTimerWarning(): void {
  if (warningsFiltered) return;
  warningsFiltered = true;
  const emitWarning: (...args: unknown[]) => void = process.emitWarning.bind(process) as never;
  process.emitWarning = (...args: unknown[]) => {
    if (args[1] === 'TimeoutNegativeWarning' && /[\\/]kafkajs[\\/]/.test(new Error().stack ?? '')) return;
    emitWarning(...args);
  };
}
