// Kafka is there and does not let us in, or we do not trust it: in words that name the settings to look at. kafkajs says so in
// errors of several kinds, some wrapped in others.
import { tlsTroubleOf } from '../../cluster/tls-trouble.ts';

/** Undefined: it is something else. */
export function describeRefusal(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    const said = loginRefusal(cause) ?? tlsRefusal(cause);
    if (said !== undefined) return said;
  }
  return undefined;
}

function loginRefusal({ name, message }: Error): string | undefined {
  if (name === 'TokenUnavailable' || name === 'SecretUnreadable') return message;
  // Kafka says nothing to whoever does not speak as it expects; but it also closes connections when it ends.
  if (name === 'KafkaJSConnectionClosedError') {
    return `Kafka closed the connection; if that goes on, check KAFKA_SECURITY_PROTOCOL and the port (${message})`;
  }
  // All that kafkajs says when a broker has refused to name the coordinator.
  if (name === 'KafkaJSGroupCoordinatorNotFound') {
    return `Kafka names no coordinator of the consumer group; if that goes on, grant READ on the group to this user (${message})`;
  }
  if (name !== 'KafkaJSSASLAuthenticationError') return undefined;
  if (message.startsWith('SASL OAUTHBEARER')) {
    const settings =
      'KAFKA_SASL_OAUTHBEARER_CLIENT_ID and KAFKA_SASL_OAUTHBEARER_SCOPE, and what the brokers expect of a token';
    return `Kafka refused the token: check ${settings} (${message})`;
  }
  return `Kafka refused the user: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD (${message})`;
}

function tlsRefusal(error: Error): string | undefined {
  const { message } = error;
  switch (tlsTroubleOf(error)) {
    case 'untrusted':
      return `the certificate of a Kafka broker is not trusted: check KAFKA_SSL_CA_FILE (${message})`;
    case 'otherName':
      return `the certificate of a Kafka broker is for another name: check KAFKA_BOOTSTRAP_SERVERS or KAFKA_SSL_SERVER_NAME (${message})`;
    case 'expired':
      return `the certificate of a Kafka broker has expired, or is not valid yet (${message})`;
    case 'ours':
      return `Kafka does not take our certificate: check KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE (${message})`;
    case undefined:
      return /wrong version number|packet length too long|before secure TLS connection/i.test(message)
        ? `no TLS with the Kafka broker: check KAFKA_SECURITY_PROTOCOL and the port (${message})`
        : undefined;
  }
}
