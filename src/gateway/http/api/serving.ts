// What every route of the API has at hand: who answers, on which node, and who may see payloads.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import {
  noMember,
  notDone,
  type Operations,
  OperationUnavailable,
  type Operator,
  ROLES,
  type Role,
} from '../../operations/operations.ts';
import type { ProblemCode } from './problem.ts';

/** The server, its routes typed by their schemas. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface Identity {
  readonly cluster: string;
  readonly node: string;
  readonly version: string;
}

/** Who may see payloads: this role and those above it. */
export type PayloadRole = Role | 'nobody';

export interface ServingOptions {
  readonly identity: Identity;
  /** undefined while the node is no member: 503. */
  operations(): Operations | undefined;
  readonly payloads: PayloadRole;
  /** What the node lacks as long as nobody answers here, for people. */
  waitingFor?(): readonly string[];
}

type Work<T> = (operations: Operations) => Promise<T>;

const DEADLINE_MS = 15_000;

export class Serving {
  readonly identity: Identity;
  readonly #operations: () => Operations | undefined;
  readonly #payloads: PayloadRole;

  readonly #waitingFor: () => readonly string[];

  constructor({ identity, operations, payloads, waitingFor = () => [] }: ServingOptions) {
    this.identity = identity;
    this.#operations = operations;
    this.#payloads = payloads;
    this.#waitingFor = waitingFor;
  }

  /** @throws OperationUnavailable while the node is no member, or when no answer comes in time; what the operations throw */
  async ask<T>(work: Work<T>, deadlineMs = DEADLINE_MS): Promise<T> {
    const operations = this.#operations();
    if (operations === undefined) throw this.#noMember();
    return within(deadlineMs, 'ask again', work(operations));
  }

  /** @throws as `ask`, but ActNotDone while the node is no member */
  async act<T>(work: Work<T>, deadlineMs = DEADLINE_MS): Promise<T> {
    const operations = this.#operations();
    if (operations === undefined) throw notDone(this.#noMember());
    return within(deadlineMs, 'it may be done all the same, so look before you ask again', work(operations));
  }

  #noMember(): OperationUnavailable {
    return noMember(this.identity.node, this.#waitingFor());
  }

  showsPayloadsTo({ role }: Operator): boolean {
    return this.#payloads !== 'nobody' && mayActAs(role, this.#payloads);
  }
}

async function within<T>(deadlineMs: number, then: string, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const reject = () => late.reject(new OperationUnavailable(`no answer within ${deadlineMs / 1000} s; ${then}`));
  const timer = setTimeout(reject, deadlineMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function mayActAs(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** A route's `config`. */
export function needs(role: Role, ...problems: readonly ProblemCode[]) {
  return { role, problems };
}

/** Of every act, besides its own. */
export const ACT_PROBLEMS = ['FOREIGN_ORIGIN', 'NOT_JSON', 'TOO_LARGE', 'TOO_SLOW', 'ACT_NOT_DONE'] as const;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role that may ask; without one the route is for everybody. */
    readonly role?: Role;
    /** For the document: those that not every route has. */
    readonly problems?: readonly ProblemCode[];
  }
  interface FastifyRequest {
    /** Who asks; set before a route that needs a role runs. */
    operator: Operator;
    /** The body as it came: numbers in it are not to change. */
    bodyText: string;
  }
}
