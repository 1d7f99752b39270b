// What went wrong when two parties greeted each other by TLS, by the codes of Node and OpenSSL: whoever reports it knows which
// setting that is.

/**
 *  - `untrusted`: their certificate leads to no authority that we trust.
 *  - `otherName`: it is for another host.
 *  - `expired`: or not valid yet.
 *  - `ours`: they want a certificate of us, or another one.
 */
export type TlsTrouble = 'untrusted' | 'otherName' | 'expired' | 'ours';

const TROUBLES: Readonly<Record<string, TlsTrouble>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
  CERT_SIGNATURE_FAILURE: 'untrusted',
  CERT_UNTRUSTED: 'untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'otherName',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'expired',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'ours',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'ours',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'ours',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'ours',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'ours',
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': 'ours',
  'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN': 'ours',
};

/** Of an error or what caused it; undefined: none that is known. */
export function tlsTroubleOf(error: unknown): TlsTrouble | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    const trouble = 'code' in cause ? TROUBLES[String(cause.code)] : undefined;
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}
