{{/* KubeRay makes a Secret of the cluster's name, with a token, and gives it to the cluster's own pods. */}}
{{- define "likeness.rayToken" -}}
- name: RAY_AUTH_MODE
  value: token
- name: RAY_AUTH_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "likeness.name" . }}-ray
      key: auth_token
{{- end }}

{{- define "likeness.rayAddress" -}}
{{ include "likeness.name" . }}-ray-head-svc:6379
{{- end }}

{{- define "likeness.rayEnvironment" -}}
- name: HOME
  value: /tmp
- name: RAY_USAGE_STATS_ENABLED
  value: "0"
{{- include "likeness.tracing" . }}
{{- end }}

{{/* Whether Ray's control service answers: what KubeRay would ask needs wget and Ray's dashboard. */}}
{{- define "likeness.rayProbe" -}}
exec:
  command: [ray, health-check, --address, {{ . | quote }}]
periodSeconds: 20
timeoutSeconds: 15
failureThreshold: 6
{{- end }}

{{/* The gateway is a node of the cluster, without CPUs of its own to give, as service/backend_ray.py has it. */}}
{{- define "likeness.rayNodeContainer" -}}
- name: ray-node
  {{- include "likeness.image" (list . "gateway") | nindent 2 }}
  {{- include "likeness.container" . | nindent 2 }}
  restartPolicy: Always
  command: [ray, start, --block, --num-cpus=0, --num-gpus=0, "--address={{ include "likeness.rayAddress" . }}"]
  env:
    {{- include "likeness.rayEnvironment" . | nindent 4 }}
    {{- include "likeness.rayToken" . | nindent 4 }}
  {{- range tuple "startupProbe" "livenessProbe" }}
  {{ . }}: {{- include "likeness.rayProbe" (include "likeness.rayAddress" $) | nindent 4 }}
  {{- end }}
  resources: {{- toYaml .Values.training.ray.nodeResources | nindent 4 }}
  volumeMounts:
    - name: tmp
      mountPath: /tmp
    - name: shared-memory
      mountPath: /dev/shm
{{- end }}
