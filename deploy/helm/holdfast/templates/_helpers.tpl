{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters: pods and their names in holdfast get a number, services a suffix. */}}
{{- define "holdfast.fullname" -}}
{{- $name := include "holdfast.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "holdfast.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "holdfast.selector" . }}
{{- end -}}

{{- define "holdfast.selector" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Pods that are nodes; the one of `helm test` is none. */}}
{{- define "holdfast.nodeSelector" -}}
{{ include "holdfast.selector" . }}
app.kubernetes.io/component: node
{{- end -}}

{{- define "holdfast.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "holdfast.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{/* The port at the end of an address, or the given one. Takes a list: address, otherwise. */}}
{{- define "holdfast.portOf" -}}
{{- $found := regexFind ":[0-9]+/?$" (first .) | trimPrefix ":" | trimSuffix "/" -}}
{{- default (last .) $found -}}
{{- end -}}

{{/* The ports of servers in a list separated by commas. Takes a list: addresses, otherwise. */}}
{{- define "holdfast.portRules" -}}
{{- $otherwise := last . -}}
{{- $ports := list -}}
{{- range splitList "," (first .) -}}
{{- $ports = append $ports (include "holdfast.portOf" (list (trim .) $otherwise)) -}}
{{- end -}}
{{- range uniq $ports }}
- port: {{ . }}
  protocol: TCP
{{- end -}}
{{- end -}}
