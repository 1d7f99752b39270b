// One node on real servers, and everybody who has a part in a call: the engine with a process for each route, a witness of
// what the engine was told, a service that is played by the test, and readers of acknowledgements and dead letters. Each
// group of tests brings its routes and processes, and all of them run at the same time.
import { afterAll, beforeAll, inject } from 'vitest';
import type { Snapshot } from '../../../src/actors/snapshot.ts';
import { topicsOf } from '../../../src/gateway/kafka/topics.ts';
import { catchingProcess } from '../../support/bpmn.ts';
import { BucketView } from '../../support/bucket-view.ts';
import { EngineWitness, type FailCall } from '../../support/engine-witness.ts';
import { eventually, type Patience } from '../../support/eventually.ts';
import type { ServiceRequest } from '../../support/service.ts';
import { type ReadRecord, TopicReader } from '../../support/topic-reader.ts';
import { newCluster, Trial } from '../../support/trial.ts';
import { type Journey, Journeys } from './journeys.ts';

export interface RoutePlan extends Readonly<Record<string, unknown>> {
  /** Of the job in the model; default 3. */
  readonly retries?: number;
  /** Not in the configuration at the start. */
  readonly absent?: boolean;
}

/** What a model of its own has to fit. */
export interface Surroundings {
  readonly cluster: string;
  readonly processId: string;
  /** Job type of the task behind. */
  readonly thenJobType: string;
}

/** What a group of tests needs. Keys are names within the cluster. */
export interface Plan {
  /** Settings besides job type and topic; a process of one task, with a boundary event for `STOPPED`, comes with each. */
  readonly routes?: Readonly<Record<string, RoutePlan>>;
  readonly processes?: Readonly<Record<string, (around: Surroundings) => string>>;
  readonly topics?: readonly string[];
  readonly settings?: (cluster: string) => Readonly<Record<string, unknown>>;
}

/** The code that every process of a route catches; `caught` then has it, and `reason` is handed on. */
export const STOPPED = 'STOPPED';

export class Stage {
  readonly cluster = newCluster();
  trial!: Trial;
  witness!: EngineWitness;
  journeys!: Journeys;
  bucket!: BucketView;
  #acknowledgements!: TopicReader;
  #deadLetters!: TopicReader;

  /** Opened before the tests of this file, and closed behind them. */
  constructor(plans: readonly Plan[]) {
    beforeAll(() => this.#open(plans));
    afterAll(() => this.#close());
  }

  /** A name of a route, process, message or topic, as the servers know it. */
  named(name: string): string {
    return `${this.cluster}-${name}`;
  }

  topic(name: string): string {
    return `${this.cluster}.${name}.requests`;
  }

  /** As a configuration file has it. */
  route(name: string, { retries: _, absent: __, ...settings }: RoutePlan = {}): Readonly<Record<string, unknown>> {
    const requestTopic = `${this.cluster}.requests`;
    return { jobType: this.named(name), requestTopic, fetchVariables: ['order'], ...settings };
  }

  start(name: string, variables?: object, orderId?: string): Promise<Journey> {
    return this.journeys.start(this.named(name), variables, orderId);
  }

  /** Starts an instance, and waits for its request. */
  async call(name: string, variables?: object, orderId?: string): Promise<[Journey, ServiceRequest]> {
    const journey = await this.start(name, variables, orderId);
    return [journey, await this.request(journey)];
  }

  /** The request of this attempt, once it is there. */
  request(journey: Journey, attempt = 1): Promise<ServiceRequest> {
    const found = () => this.requests(journey).find(({ headers }) => headers.attempt === String(attempt));
    return this.until(`request ${attempt} of ${journey.processId}`, found);
  }

  /** Of an instance, by the order in their bodies. */
  requests({ id, processId }: Journey): readonly ServiceRequest[] {
    return this.trial.service.about(id).filter(({ headers }) => headers.process === processId);
  }

  answer(request: ServiceRequest, value: string | null, headers?: Readonly<Record<string, string>>): void {
    this.trial.service.reply(request, value, headers);
  }

  /** The variables of the instance behind its task: each as the engine's text. */
  passed(journey: Journey): Promise<ReadonlyMap<string, string>> {
    return this.until(`${journey.processId} to pass its task`, () => this.journeys.passed(journey));
  }

  /** What the engine was told of the request's job, and took. */
  failsOf({ headers }: ServiceRequest): readonly FailCall[] {
    return this.witness.failsOf(headers['job-id'] ?? '');
  }

  fails(request: ServiceRequest, count: number): Promise<readonly FailCall[]> {
    const fails = () => this.failsOf(request);
    return this.until(`${count} failures`, () => (fails().length >= count ? fails() : undefined));
  }

  /** All acknowledgements under this correlation id, once there are so many. */
  acknowledged(correlationId: string, count: number): Promise<readonly ReadRecord[]> {
    const found = () => this.#acknowledgements.all.filter(({ key }) => key === correlationId);
    return this.until(`${count} acknowledgements`, () => (found().length >= count ? found() : undefined));
  }

  deadLettersOf(correlationId: string): readonly ReadRecord[] {
    return this.#deadLetters.all.filter(({ headers }) => headers.kafka_correlationId === correlationId);
  }

  deadLetter(correlationId: string): Promise<ReadRecord> {
    return this.until('a dead letter', () => this.deadLettersOf(correlationId)[0]);
  }

  /** What is stored of the instance's job, once it is as asked. */
  stored(journey: Journey, is: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
    const found = async () => {
      const all = await this.bucket.jobs();
      return all.find((snapshot) => snapshot.origin.instanceKey === journey.instance && is(snapshot));
    };
    return this.until(`a snapshot of ${journey.processId}`, found, { everyMs: 250 });
  }

  until<T>(what: string, check: () => T | Promise<T>, patience: Patience = {}): Promise<NonNullable<T>> {
    const diagnose = async () => ({ fails: this.witness.fails.slice(-20), trial: await this.trial.diagnose() });
    return eventually(what, check, { deadlineMs: 60_000, diagnose, ...patience });
  }

  async #open(plans: readonly Plan[]): Promise<void> {
    const kafkaBrokers = inject('kafkaBrokers');
    this.witness = await EngineWitness.open(inject('zeebeAddress'));
    const routes = plans.flatMap(({ routes = {} }) => Object.entries(routes));
    this.trial = await Trial.start({
      servers: { natsUrl: inject('natsUrl'), kafkaBrokers, zeebeAddress: this.witness.address },
      cluster: this.cluster,
      nodes: 1,
      behaviour: () => undefined,
      moreRoutes: routes.filter(([, { absent }]) => !absent).map(([name, plan]) => this.route(name, plan)),
      moreTopics: plans.flatMap(({ topics = [] }) => topics.map((name) => this.topic(name))),
      settings: Object.assign({ acknowledgements: true }, ...plans.map(({ settings }) => settings?.(this.cluster))),
    });
    this.journeys = await Journeys.open(inject('zeebeAddress'), this.cluster);
    const { thenJobType } = this.journeys;
    const processes = plans.flatMap((plan) => Object.entries(plan.processes ?? {}));
    const models = [
      ...routes.map(([name, { retries = 3 }]) => {
        const jobType = this.named(name);
        const caught = { errorCode: STOPPED, outputs: ['reason'], thenJobType };
        return [name, catchingProcess({ processId: jobType, jobType, retries, ...caught })] as const;
      }),
      ...processes.map(
        ([name, make]) => [name, make({ cluster: this.cluster, processId: this.named(name), thenJobType })] as const,
      ),
    ];
    await this.journeys.deploy(models.map(([name, bpmn]) => ({ name: `${this.named(name)}.bpmn`, bpmn })));
    const { acknowledgements, deadLetters } = topicsOf(this.cluster);
    this.#acknowledgements = await TopicReader.open(kafkaBrokers, acknowledgements.name);
    this.#deadLetters = await TopicReader.open(kafkaBrokers, deadLetters.name);
    this.bucket = await BucketView.open(inject('natsUrl'), this.cluster);
  }

  async #close(): Promise<void> {
    await this.journeys?.close();
    await Promise.all([this.#acknowledgements?.close(), this.#deadLetters?.close(), this.bucket?.close()]);
    await this.trial?.stop();
    this.witness?.close();
  }
}
