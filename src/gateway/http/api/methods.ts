// 405 for a method that a path does not have, with those that it has in `Allow`, where fastify would say that the path is not there.
import type { HTTPMethods } from 'fastify';
import { ApiProblem } from './problem.ts';
import type { Api } from './serving.ts';

/** Call it before the first route is registered, and what it answers after the last. */
export function refuseOtherMethods(api: Api): () => void {
  const known = new Map<string, Set<string>>();
  let open = true;
  api.addHook('onRoute', ({ routePath, method }) => {
    if (!open) return;
    const methods = known.get(routePath) ?? new Set();
    known.set(routePath, methods);
    for (const one of [method].flat()) methods.add(one.toUpperCase());
  });
  return () => {
    open = false;
    for (const [url, methods] of known) {
      const allow = [...methods].toSorted().join(', ');
      const refuse = async (request: { readonly method: string }): Promise<never> => {
        throw new ApiProblem('METHOD_NOT_ALLOWED', `found ${request.method}; allowed here: ${allow}`, {
          headers: { allow },
        });
      };
      const method = api.supportedMethods.filter((one) => !methods.has(one)) as HTTPMethods[];
      // Before a body would be looked at.
      api.route({ method, url, schema: { hide: true }, onRequest: refuse, handler: refuse });
    }
  };
}
