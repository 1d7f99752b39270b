// The job that a reply under a business key is for. A business key names no attempt.
//
// That it leads to no job is only believed of a look that began so late that any replica has heard of the job: not one that
// was begun early and answered late.
import type { JobKey } from '../../actors/ids.ts';
import type { Clock } from '../../actors/ports.ts';

/**
 * @param decisiveMs on the monotonic clock: a look that begins then or later is believed when it finds nothing
 * @throws what `jobOf` throws
 */
export async function jobOfBusinessKey(
  businessKey: string,
  decisiveMs: number,
  clock: Clock,
  jobOf: (businessKey: string) => Promise<JobKey | undefined>,
): Promise<{ jobKey: JobKey; attempt: number } | undefined> {
  for (;;) {
    const askedMs = clock.monotonicMs();
    const jobKey = await jobOf(businessKey);
    if (jobKey !== undefined) return { jobKey, attempt: 0 };
    if (askedMs >= decisiveMs) return undefined;
    await new Promise<void>((resolve) => clock.setTimer(Math.max(0, decisiveMs - clock.monotonicMs()), resolve));
  }
}
