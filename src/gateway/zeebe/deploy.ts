// Deploys process models with the SDK, for the demo, the tests and whoever tries the product: deploying is rare and not
// on the hot path, so the SDK is loaded only when it happens.
import type { ZeebeSettings } from './connection.ts';

export interface ProcessModel {
  /** File name with the ending `.bpmn`. */
  readonly name: string;
  readonly bpmn: string;
}

export interface DeployedProcess {
  readonly bpmnProcessId: string;
  readonly version: number;
  readonly processDefinitionKey: string;
}

/** Deploys all models or none. @throws what the SDK throws: a model the engine refuses, or no gateway in 10 tries */
export async function deployProcesses(
  models: readonly ProcessModel[],
  settings: ZeebeSettings = {},
): Promise<DeployedProcess[]> {
  const { Camunda8 } = await import('@camunda8/sdk');
  const quiet = Object.assign(
    { ZEEBE_CLIENT_LOG_LEVEL: 'NONE' as const, ZEEBE_GRPC_CLIENT_MAX_RETRIES: 10 },
    settings.zeebeGrpcSettings,
  );
  const client = new Camunda8({ ...settings, zeebeGrpcSettings: quiet }).getZeebeGrpcApiClient();
  try {
    const resources = models.map((model) => ({ name: model.name, process: Buffer.from(model.bpmn, 'utf8') }));
    const { deployments } = await client.deployResources(resources);
    return deployments.filter(isProcess).map((deployment) => deployment.process);
  } finally {
    await client.close();
  }
}

function isProcess(deployment: unknown): deployment is { readonly process: DeployedProcess } {
  return (
    typeof deployment === 'object' && deployment !== null && 'process' in deployment && Boolean(deployment.process)
  );
}
