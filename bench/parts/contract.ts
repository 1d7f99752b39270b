// How a service reads a request and what it has to answer: by headers, as every client of Kafka can, or as
// kafka-connect-zeebe asks for it. That one sends the engine's job as a JSON string that holds JSON, with the variables in it
// twice and nothing said about where an answer goes; and its sink takes an answer only as a message of the engine, whose name
// and correlation key the service has to know.
import type { IHeaders, KafkaMessage, Message } from 'kafkajs';

export type Contract =
  | { readonly kind: 'headers' }
  | { readonly kind: 'zeebeMessage'; readonly messageName: string; readonly replyTopic: string };

export interface Call {
  readonly token: string;
  readonly replyTopic: string;
  readonly answer: Message;
}

/** @param filler of the answer */
export function callOf(
  contract: Contract,
  { value, headers }: Pick<KafkaMessage, 'value' | 'headers'>,
  filler: string,
): Call {
  return contract.kind === 'headers'
    ? byHeaders(String(value), headers, filler)
    : asZeebeMessage(contract, String(value), filler);
}

function byHeaders(value: string, headers: IHeaders | undefined, filler: string): Call {
  const { token } = JSON.parse(value) as { token: string };
  const id = String(headers?.kafka_correlationId);
  return {
    token,
    replyTopic: String(headers?.kafka_replyTopic),
    answer: {
      key: id,
      value: JSON.stringify({ answer: { token, filler } }),
      headers: { kafka_correlationId: id },
    },
  };
}

// Without `timeToLive` the engine keeps the message for its client's default of one hour, so an answer that is there before
// the process waits for it is not lost, and none expires, at the engine's cost, while something is measured.
function asZeebeMessage(
  { messageName, replyTopic }: Extract<Contract, { kind: 'zeebeMessage' }>,
  value: string,
  filler: string,
): Call {
  const job = JSON.parse(JSON.parse(value) as string) as { variablesAsMap: { token: string } };
  const { token } = job.variablesAsMap;
  const message = { messageName, correlationKey: token, variables: { answer: { token, filler } } };
  return { token, replyTopic, answer: { key: token, value: JSON.stringify(message) } };
}
