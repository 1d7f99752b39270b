// The OpenAPI document, made from the schemas of the routes. It says of each which role it needs.
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import { problemsOf } from './schemas.ts';
import type { Api, Identity } from './serving.ts';

const DESCRIPTION = `What an operator sees and does. Any node answers for the whole cluster; nodes that gave no answer in time are named in
\`missing\`. Keys of the engine are strings of digits. Errors are problem+json with a code that docs/errors.md explains.
A GET needs the role viewer, an act on jobs and dead letters operator, one on nodes admin; \`x-role\` says it of each.`;

/** Before the routes: it looks at each as it is registered. */
export function describeApi(api: Api, { version }: Pick<Identity, 'version'>): void {
  const options: FastifyDynamicSwaggerOptions = {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'holdfast',
        description: DESCRIPTION,
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'HOLDFAST_API of any node' }],
      tags: [
        { name: 'cluster', description: 'Nodes, shards, what flows' },
        { name: 'jobs', description: 'Pending jobs and what became of those that ended' },
        { name: 'dead letters', description: 'Replies that nobody waits for, or that could not be read' },
        { name: 'nodes', description: 'Acts on nodes' },
        { name: 'audit', description: 'Who did what' },
      ],
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            description: 'A token of HOLDFAST_API_TOKENS_FILE, or a JWT of the issuer HOLDFAST_API_OIDC_ISSUER',
          },
        },
      },
      // The second: on loopback without authentication nobody is asked.
      security: [{ token: [] }, {}],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`) },
    transform: ({ schema, url, route }) => {
      const { role, problems = [] } = route.config ?? {};
      if (role === undefined) return { schema, url };
      const { response, ...rest } = schema as FastifySchema;
      const answers = { ...Object(response), ...problemsOf(problems) };
      const described = { ...rest, response: answers, 'x-role': role };
      return { schema: described, url };
    },
  };
  api.register(swagger, options);
}
