{{/* The beginning of every name. */}}
{{- define "photochrom.name" -}}
{{- if contains "photochrom" .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-photochrom" .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* What finds the pods of a part: (list root part). */}}
{{- define "photochrom.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: photochrom
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of a part: (list root part). */}}
{{- define "photochrom.labels" -}}
{{- $root := index . 0 -}}
{{ include "photochrom.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{/* An image of ours: (list root name tag). */}}
{{- define "photochrom.image" -}}
{{- $root := index . 0 -}}
{{ $root.Values.image.registry }}{{ index . 1 }}:{{ index . 2 | default $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end }}

{{/* What every pod of ours has in common. Service links are off, since the service photochrom-api would make a variable
PHOTOCHROM_API_PORT, which is a setting. */}}
{{- define "photochrom.pod" -}}
serviceAccountName: {{ .Values.serviceAccount.name | default (include "photochrom.name" .) }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* What every container has in common. */}}
{{- define "photochrom.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Where the settings come from that all parts share. */}}
{{- define "photochrom.shared" -}}
envFrom:
  - configMapRef: { name: {{ include "photochrom.name" . }} }
  {{- with .Values.storage.secret }}
  - secretRef: { name: {{ . }} }
  {{- end }}
{{- end }}

{{/* Where the address of an index comes from that nobody but a secret knows. */}}
{{- define "photochrom.index" -}}
{{- if and (not .Values.valkey.enabled) .Values.valkey.secret }}
- name: PHOTOCHROM_REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ .Values.valkey.secret }}, key: url } }
{{- end }}
{{- end }}

{{/* Settings as variables. */}}
{{- define "photochrom.settings" -}}
{{- range $name, $value := . }}
- name: PHOTOCHROM_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The probes of what serves metrics: (list root seconds). Ready is what works; nobody calls it. */}}
{{- define "photochrom.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 5
  failureThreshold: {{ div (add (index . 1) 4) 5 }}
livenessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 15
  timeoutSeconds: 10
  failureThreshold: 4
readinessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 15
  timeoutSeconds: 10
{{- end }}

{{/* Where a pod may run. */}}
{{- define "photochrom.place" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Restarts pods when the settings that they share change. */}}
{{- define "photochrom.restart" -}}
checksum/settings: {{ include (print .Template.BasePath "/settings.yaml") . | sha256sum }}
{{- end }}
