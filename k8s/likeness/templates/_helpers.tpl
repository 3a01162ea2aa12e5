{{- define "likeness.name" -}}
{{ default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Labels that never change, which select a component's pods. Takes (list $ COMPONENT). */}}
{{- define "likeness.selector" -}}
app.kubernetes.io/name: likeness
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{- define "likeness.labels" -}}
{{ include "likeness.selector" . }}
app.kubernetes.io/version: {{ (first .).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (first .).Release.Service }}
helm.sh/chart: {{ (first .).Chart.Name }}-{{ (first .).Chart.Version }}
{{- end }}

{{/* An image. Takes (list $ NAME-IN-VALUES). */}}
{{- define "likeness.image" -}}
{{- $image := index (first .).Values.images (last .) -}}
image: {{ printf "%s:%s" $image.repository (default (first .).Chart.AppVersion $image.tag) }}
imagePullPolicy: {{ $image.pullPolicy }}
{{- end }}

{{/* The gateway's, with PyTorch where trainings run beside it. */}}
{{- define "likeness.gatewayImage" -}}
{{ include "likeness.image" (list . (ternary "gateway" "trainer" (eq .Values.training.backend "ray"))) }}
{{- end }}

{{/* What every pod has: an account without a token, and the restricted Pod Security Standard. */}}
{{- define "likeness.pod" -}}
serviceAccountName: {{ include "likeness.name" . }}
automountServiceAccountToken: false
{{ include "likeness.restricted" . }}
{{- end }}

{{- define "likeness.restricted" -}}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
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
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "likeness.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Where a component's pods may run. Takes a map with nodeSelector and tolerations. */}}
{{- define "likeness.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where a base model of the hub is kept, and what else is written home. */}}
{{- define "likeness.hub" -}}
- name: HF_HOME
  value: /models/hub
- name: HOME
  value: /tmp
{{- end }}

{{/* Where credentials of the blob store come from. */}}
{{- define "likeness.blobCredentials" -}}
{{- include "likeness.secrets" (compact (list .Values.blobs.credentialsSecret)) }}
{{- end }}

{{/* Secrets, a list of names, as environment variables. */}}
{{- define "likeness.secrets" -}}
{{- with . }}
envFrom:
{{- range . }}
  - secretRef:
      name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "likeness.modelsClaim" -}}
{{ default (printf "%s-models" (include "likeness.name" .)) .Values.models.persistence.existingClaim }}
{{- end }}

{{/* "true" if SQLite or blobs lie on a claim, so that there can be one gateway only. */}}
{{- define "likeness.embedded" -}}
{{- if not (and .Values.database.secretName .Values.blobs.url) }}true{{ end }}
{{- end }}

{{- define "likeness.dataClaim" -}}
{{ default (printf "%s-data" (include "likeness.name" .)) .Values.data.persistence.existingClaim }}
{{- end }}

{{/* A file of rules or panels, with this release's labels in it. Takes (list $ FILE). */}}
{{- define "likeness.observed" -}}
{{- $name := include "likeness.name" (first .) -}}
{{- $values := (first .).Values.monitoring -}}
{{- $namespace := (first .).Release.Namespace -}}
{{- (first .).Files.Get (last .)
  | replace "job='likeness-gateway'" (printf "job='%s-metrics',namespace='%s'" $name $namespace)
  | replace "job='likeness-triton'" (printf "job='%s-triton',namespace='%s'" $name $namespace)
  | replace "docs/runbooks" (trimSuffix "/" $values.runbooks) }}
{{- end }}

{{/* Where traces go, in OpenTelemetry's own variables. */}}
{{- define "likeness.tracing" }}
{{- with .Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ $.Values.tracing.share | quote }}
{{- end }}
{{- end }}
