{{/*
What a node and `helm test` have in common: the same configuration, servers and secrets, the same narrow rights.
*/}}
{{- define "holdfast.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "holdfast.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where the file of one key is. Takes a list: folder, key. */}}
{{- define "holdfast.secretFile" -}}
{{ printf "/etc/holdfast/secrets/%s/%s" (first .) (last .) | quote }}
{{- end -}}

{{- define "holdfast.env" -}}
# The pod's name: it stays through restarts, and with it what a node may take back.
- name: HOLDFAST_NODE
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: HOLDFAST_CONFIG
  value: /etc/holdfast/config/holdfast.yaml
- name: HOLDFAST_HTTP
  value: "0.0.0.0:8090"
- name: LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- with .Values.nats }}
- name: NATS_URL
{{- if .keys.url }}
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .keys.url }}
{{- else }}
  value: {{ .url | quote }}
{{- end }}
{{- if .monitorUrl }}
- name: NATS_MONITOR_URL
  value: {{ .monitorUrl | quote }}
{{- end }}
{{- if .keys.creds }}
- name: NATS_CREDS_FILE
  value: {{ include "holdfast.secretFile" (list "nats" .keys.creds) }}
{{- end }}
{{- if .keys.nkey }}
- name: NATS_NKEY_SEED_FILE
  value: {{ include "holdfast.secretFile" (list "nats" .keys.nkey) }}
{{- end }}
{{- if .user }}
- name: NATS_USER
  value: {{ .user | quote }}
{{- end }}
{{- if .keys.password }}
- name: NATS_PASSWORD_FILE
  value: {{ include "holdfast.secretFile" (list "nats" .keys.password) }}
{{- end }}
{{- if .inboxPrefix }}
- name: NATS_INBOX_PREFIX
  value: {{ .inboxPrefix | quote }}
{{- end }}
{{- if .keys.ca }}
- name: NATS_CA_FILE
  value: {{ include "holdfast.secretFile" (list "nats" .keys.ca) }}
{{- end }}
{{- if .keys.cert }}
- name: NATS_CERT_FILE
  value: {{ include "holdfast.secretFile" (list "nats" .keys.cert) }}
{{- end }}
{{- if .keys.key }}
- name: NATS_KEY_FILE
  value: {{ include "holdfast.secretFile" (list "nats" .keys.key) }}
{{- end }}
{{- end }}
{{- with .Values.kafka }}
- name: KAFKA_BOOTSTRAP_SERVERS
  value: {{ .bootstrapServers | quote }}
{{- if .securityProtocol }}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ .securityProtocol }}
{{- end }}
{{- if .sasl.mechanism }}
- name: KAFKA_SASL_MECHANISM
  value: {{ .sasl.mechanism }}
{{- end }}
{{- if .sasl.username }}
- name: KAFKA_SASL_USERNAME
  value: {{ .sasl.username | quote }}
{{- end }}
{{- with .sasl.oauth }}
{{- if .tokenEndpointUrl }}
- name: KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL
  value: {{ .tokenEndpointUrl | quote }}
{{- end }}
{{- if .clientId }}
- name: KAFKA_SASL_OAUTHBEARER_CLIENT_ID
  value: {{ .clientId | quote }}
{{- end }}
{{- if .scope }}
- name: KAFKA_SASL_OAUTHBEARER_SCOPE
  value: {{ .scope | quote }}
{{- end }}
{{- end }}
{{- if .keys.clientSecret }}
- name: KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET_FILE
  value: {{ include "holdfast.secretFile" (list "kafka" .keys.clientSecret) }}
{{- end }}
{{- if .keys.password }}
- name: KAFKA_SASL_PASSWORD_FILE
  value: {{ include "holdfast.secretFile" (list "kafka" .keys.password) }}
{{- end }}
{{- if .keys.ca }}
- name: KAFKA_SSL_CA_FILE
  value: {{ include "holdfast.secretFile" (list "kafka" .keys.ca) }}
{{- end }}
{{- if .keys.cert }}
- name: KAFKA_SSL_CERT_FILE
  value: {{ include "holdfast.secretFile" (list "kafka" .keys.cert) }}
{{- end }}
{{- if .keys.key }}
- name: KAFKA_SSL_KEY_FILE
  value: {{ include "holdfast.secretFile" (list "kafka" .keys.key) }}
{{- end }}
{{- end }}
{{- with .Values.zeebe }}
- name: ZEEBE_GRPC_ADDRESS
  value: {{ .grpcAddress | quote }}
- name: CAMUNDA_AUTH_STRATEGY
  value: {{ .authStrategy }}
{{- if .oauthUrl }}
- name: CAMUNDA_OAUTH_URL
  value: {{ .oauthUrl | quote }}
{{- end }}
{{- if .audience }}
- name: ZEEBE_TOKEN_AUDIENCE
  value: {{ .audience | quote }}
{{- end }}
{{- if .clientId }}
- name: ZEEBE_CLIENT_ID
  value: {{ .clientId | quote }}
{{- end }}
{{- if .keys.clientSecret }}
- name: ZEEBE_CLIENT_SECRET_FILE
  value: {{ include "holdfast.secretFile" (list "zeebe" .keys.clientSecret) }}
{{- end }}
{{- if .keys.ca }}
- name: CAMUNDA_CUSTOM_ROOT_CERT_PATH
  value: {{ include "holdfast.secretFile" (list "zeebe" .keys.ca) }}
{{- end }}
{{- if .keys.cert }}
- name: CAMUNDA_CUSTOM_CERT_CHAIN_PATH
  value: {{ include "holdfast.secretFile" (list "zeebe" .keys.cert) }}
{{- end }}
{{- if .keys.key }}
- name: CAMUNDA_CUSTOM_PRIVATE_KEY_PATH
  value: {{ include "holdfast.secretFile" (list "zeebe" .keys.key) }}
{{- end }}
{{- end }}
{{- with .Values.schemaRegistry }}
{{- if .url }}
- name: SCHEMA_REGISTRY_URL
  value: {{ .url | quote }}
{{- end }}
{{- if .keys.userInfo }}
- name: SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO_FILE
  value: {{ include "holdfast.secretFile" (list "registry" .keys.userInfo) }}
{{- end }}
{{- end }}
{{- with .Values.api }}
{{- if .enabled }}
- name: HOLDFAST_API
  value: "0.0.0.0:8091"
- name: HOLDFAST_API_TLS_CERT_FILE
  value: {{ include "holdfast.secretFile" (list "api-tls" "tls.crt") }}
- name: HOLDFAST_API_TLS_KEY_FILE
  value: {{ include "holdfast.secretFile" (list "api-tls" "tls.key") }}
{{- if .tokens.existingSecret }}
- name: HOLDFAST_API_TOKENS_FILE
  value: {{ include "holdfast.secretFile" (list "api-tokens" .tokens.key) }}
{{- end }}
{{- if .oidc.issuer }}
- name: HOLDFAST_API_OIDC_ISSUER
  value: {{ .oidc.issuer | quote }}
- name: HOLDFAST_API_OIDC_AUDIENCE
  value: {{ .oidc.audience | quote }}
{{- if .oidc.jwksUrl }}
- name: HOLDFAST_API_OIDC_JWKS_URL
  value: {{ .oidc.jwksUrl | quote }}
{{- end }}
{{- if .oidc.rolesClaim }}
- name: HOLDFAST_API_OIDC_ROLES_CLAIM
  value: {{ .oidc.rolesClaim | quote }}
{{- end }}
{{- if .oidc.rolePrefix }}
- name: HOLDFAST_API_OIDC_ROLE_PREFIX
  value: {{ .oidc.rolePrefix | quote }}
{{- end }}
{{- end }}
{{- if .payloads }}
- name: HOLDFAST_API_PAYLOADS
  value: {{ .payloads }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.otel }}
{{- if .endpoint }}
- name: OTEL_SERVICE_NAME
  value: {{ include "holdfast.fullname" $ }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
{{- if .keys.headers }}
- name: OTEL_EXPORTER_OTLP_HEADERS_FILE
  value: /etc/holdfast/secrets/otel/{{ .keys.headers }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "holdfast.volumeMounts" -}}
- name: config
  mountPath: /etc/holdfast/config
  readOnly: true
{{- range $name, $_ := fromYaml (include "holdfast.secretVolumes" .) }}
- name: {{ $name }}
  mountPath: /etc/holdfast/secrets/{{ $name }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "holdfast.volumes" -}}
- name: config
{{- if .Values.existingConfigSecret.name }}
  secret:
    secretName: {{ .Values.existingConfigSecret.name }}
    defaultMode: 0440
    items:
      - key: {{ .Values.existingConfigSecret.key }}
        path: holdfast.yaml
{{- else }}
  configMap:
    name: {{ include "holdfast.fullname" . }}
{{- end }}
{{- range $name, $secret := fromYaml (include "holdfast.secretVolumes" .) }}
- name: {{ $name }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* Volume to Secret, of all that are mounted as files. */}}
{{- define "holdfast.secretVolumes" -}}
{{- with .Values.nats.existingSecret }}
nats: {{ . }}
{{- end }}
{{- with .Values.kafka.existingSecret }}
kafka: {{ . }}
{{- end }}
{{- with .Values.zeebe.existingSecret }}
zeebe: {{ . }}
{{- end }}
{{- with .Values.signingKeys.existingSecret }}
signing: {{ . }}
{{- end }}
{{- with .Values.schemaRegistry }}
{{- if .keys.userInfo }}
registry: {{ .existingSecret }}
{{- end }}
{{- end }}
{{- with .Values.otel }}
{{- if and .endpoint .keys.headers }}
otel: {{ .existingSecret }}
{{- end }}
{{- end }}
{{- with .Values.api }}
{{- if .enabled }}
api-tls: {{ .tls.existingSecret }}
{{- with .tokens.existingSecret }}
api-tokens: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
