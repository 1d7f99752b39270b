// The gateway's gRPC protocol: the SDK's own .proto file, and the types of the calls that are made here.
//
// int64 fields are decimal text and variables are JSON text in both directions, so no number is ever rounded. Field
// names are the proto's own. Whoever needs another call of the service adds its two shapes to `Calls`.
import { createRequire } from 'node:module';
import type { MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ActivatedJob } from '../ports.ts';

type Empty = Readonly<Record<string, never>>;

interface NewInstance {
  readonly bpmnProcessId: string;
  /** -1: the latest. */
  readonly version: number;
  readonly variables: string;
  readonly tenantId?: string;
}

interface InstanceMade {
  readonly processDefinitionKey: string;
  readonly bpmnProcessId: string;
  readonly version: number;
  readonly processInstanceKey: string;
  readonly tenantId: string;
}

/** Request and response of each unary call. */
export interface Calls {
  CompleteJob: [{ readonly jobKey: string; readonly variables: string }, Empty];
  FailJob: [
    {
      readonly jobKey: string;
      readonly retries: number;
      readonly errorMessage: string;
      readonly retryBackOff: string;
      readonly variables?: string;
    },
    Empty,
  ];
  ThrowError: [
    { readonly jobKey: string; readonly errorCode: string; readonly errorMessage: string; readonly variables: string },
    Empty,
  ];
  UpdateJobTimeout: [{ readonly jobKey: string; readonly timeout: string }, Empty];
  UpdateJobRetries: [{ readonly jobKey: string; readonly retries: number }, Empty];
  CreateProcessInstance: [NewInstance, InstanceMade];
  CreateProcessInstanceWithResult: [
    { readonly request: NewInstance; readonly requestTimeout: string; readonly fetchVariables?: readonly string[] },
    InstanceMade & { readonly variables: string },
  ];
  CancelProcessInstance: [{ readonly processInstanceKey: string }, Empty];
  SetVariables: [
    { readonly elementInstanceKey: string; readonly variables: string; readonly local: boolean },
    { readonly key: string },
  ];
  ResolveIncident: [{ readonly incidentKey: string }, Empty];
  PublishMessage: [
    {
      readonly name: string;
      readonly correlationKey: string;
      readonly timeToLive: string;
      readonly messageId?: string;
      readonly variables: string;
      readonly tenantId?: string;
    },
    { readonly key: string },
  ];
  Topology: [Empty, TopologyResponse];
}

export interface TopologyResponse {
  readonly brokers: readonly { readonly version: string; readonly partitions: readonly PartitionView[] }[];
  readonly clusterSize: number;
  readonly partitionsCount: number;
  readonly replicationFactor: number;
  readonly gatewayVersion: string;
}

interface PartitionView {
  readonly partitionId: number;
  readonly role: 'LEADER' | 'FOLLOWER' | 'INACTIVE';
}

/** A job as the library of the proto has it; `deadline` is epoch ms as text. */
export type WireJob = Omit<ActivatedJob, 'deadlineMs'> & { readonly deadline: string };

/** The two calls that answer with a stream. */
export interface StreamCalls {
  ActivateJobs: [
    {
      readonly type: string;
      readonly worker: string;
      readonly timeout: string;
      readonly maxJobsToActivate: number;
      readonly requestTimeout: string;
      readonly fetchVariable: readonly string[];
      readonly tenantIds: readonly string[];
    },
    { readonly jobs: readonly WireJob[] },
  ];
  StreamActivatedJobs: [
    {
      readonly type: string;
      readonly worker: string;
      readonly timeout: string;
      readonly fetchVariable: readonly string[];
      readonly tenantIds: readonly string[];
    },
    WireJob,
  ];
}

type AllCalls = Calls & StreamCalls;

/** How each call of the service is named and put into bytes, typed. */
export type GatewayService = {
  readonly [M in keyof AllCalls]: MethodDefinition<AllCalls[M][0], AllCalls[M][1]>;
};

/** Loads the service from the .proto that the SDK ships. @throws when the installed SDK has none */
export function loadGatewayService(): GatewayService {
  const file = createRequire(import.meta.url).resolve('@camunda8/sdk/dist/proto/zeebe.proto');
  const definition = loadSync(file, { keepCase: true, longs: String, enums: String, defaults: true });
  return definition['gateway_protocol.Gateway'] as unknown as GatewayService;
}
