{{/* The gateway's settings, see service/settings.py. */}}
{{- define "likeness.gatewayEnvironment" -}}
- name: LIKENESS_LISTEN
  value: 127.0.0.1:50051
{{- if .Values.gateway.tls.secretName }}
- name: LIKENESS_AUTH__SIDECAR  # Envoy has verified callers' certificates
  value: "true"
- name: LIKENESS_AUTH__CERTIFICATES
  value: {{ default (dict "*" "default") .Values.gateway.tls.tenants | toJson | quote }}
{{- end }}
- name: LIKENESS_METRICS_LISTEN
  value: 127.0.0.1:9465
- name: LIKENESS_BUNDLE
  value: {{ include "likeness.bundle" . }}
- name: LIKENESS_BASE_MODEL
  value: {{ .Values.baseModel }}
- name: LIKENESS_TRITON__URL
  value: {{ include "likeness.name" . }}-triton:8001
- name: LIKENESS_DATABASE__URL
  {{- with .Values.database.secretName }}
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: url
  {{- else }}
  value: sqlite+aiosqlite:////data/likeness.db
  {{- end }}
- name: LIKENESS_BLOBS__URL
  value: {{ default "file:///data/blobs" .Values.blobs.url }}
- name: LIKENESS_DRAIN_SECONDS
  value: {{ .Values.gateway.drainSeconds | quote }}
- name: LIKENESS_JOBS__WORK_DIR
  value: /data/jobs
- name: LIKENESS_JOBS__BACKEND
  value: {{ .Values.training.backend }}
- name: LIKENESS_JOBS__WORKERS
  value: {{ .Values.training.workers | quote }}
- name: LIKENESS_JOBS__GROUP_SIZE
  value: {{ .Values.training.groupSize | quote }}
{{- if eq .Values.training.backend "ray" }}
- name: LIKENESS_JOBS__RAY__ADDRESS
  value: {{ include "likeness.rayAddress" . }}
- name: LIKENESS_JOBS__RAY__CPUS
  value: "1"
- name: LIKENESS_JOBS__RAY__GPUS
  value: {{ index .Values.training.ray.workerResources.limits "nvidia.com/gpu" | default 0 | quote }}
- name: RAY_USAGE_STATS_ENABLED
  value: "0"
{{ include "likeness.rayToken" . }}
{{- end }}
{{- if .Values.gateway.credentialsSecret }}
- name: LIKENESS_PROVENANCE__CERTIFICATES
  value: /etc/likeness/credentials/tls.crt
- name: LIKENESS_PROVENANCE__PRIVATE_KEY
  value: /etc/likeness/credentials/tls.key
{{- end }}
- name: HF_HUB_OFFLINE  # the export has downloaded it
  value: "1"
{{ include "likeness.hub" . }}
{{- include "likeness.tracing" . }}
{{- range $name, $value := .Values.gateway.environment }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* Envoy beside the gateway: it starts before and ends after it. */}}
{{- define "likeness.envoyContainer" -}}
- name: envoy
  {{- include "likeness.image" (list . "envoy") | nindent 2 }}
  {{- include "likeness.container" . | nindent 2 }}
  restartPolicy: Always
  args: [--config-path, /etc/envoy/config/envoy.yaml, --log-level, warning, --concurrency, "2"]
  ports:
    {{- if .Values.gateway.tls.secretName }}
    - name: grpc
      containerPort: 8443
    {{- end }}
    - name: health
      containerPort: 8081
    - name: metrics
      containerPort: 9464
  startupProbe:
    tcpSocket:
      port: 8081
    periodSeconds: 1
    failureThreshold: 30
  livenessProbe:
    tcpSocket:
      port: 8081
    periodSeconds: 10
  resources: {{- toYaml .Values.envoy.resources | nindent 4 }}
  volumeMounts:
    - name: envoy
      mountPath: /etc/envoy/config
      readOnly: true
    {{- if .Values.gateway.tls.secretName }}
    - name: tls
      mountPath: /etc/envoy/tls
      readOnly: true
    {{- end }}
{{- end }}
