{{/* The image that makes the models, and what it is asked for: another answer is another bundle. */}}
{{- define "likeness.exportArguments" -}}
- --checkpoint={{ .Values.baseModel }}
- --target={{ .Values.export.target }}
{{- with .Values.export.args }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "likeness.bundle" -}}
/models/{{ printf "%s %s" (include "likeness.image" (list . "export")) (include "likeness.exportArguments" .) | sha256sum | trunc 10 }}
{{- end }}

{{/* A Job can't be changed: another pod is another Job. */}}
{{- define "likeness.exportJob" -}}
{{ include "likeness.name" . }}-export-{{ include "likeness.exportPod" . | sha256sum | trunc 10 }}
{{- end }}

{{- define "likeness.exportPod" -}}
metadata:
  labels: {{- include "likeness.selector" (list . "export") | nindent 4 }}
spec:
  {{- include "likeness.pod" . | nindent 2 }}
  {{- include "likeness.placement" .Values.export | nindent 2 }}
  restartPolicy: OnFailure
  containers:
    - name: export
      {{- include "likeness.image" (list . "export") | nindent 6 }}
      {{- include "likeness.container" . | nindent 6 }}
      command: [likeness-export]
      args:
        {{- include "likeness.exportArguments" . | nindent 8 }}
        - --out={{ include "likeness.bundle" . }}
        {{- if eq .Values.export.target "tensorrt" }}
        - --timing-cache=/models/timings.bin
        {{- end }}
      env:
        {{- include "likeness.hub" . | nindent 8 }}
        {{- with .Values.models.hubTokenSecret }}
        - name: HF_TOKEN
          valueFrom:
            secretKeyRef:
              name: {{ . }}
              key: HF_TOKEN
        {{- end }}
      resources: {{- toYaml .Values.export.resources | nindent 8 }}
      volumeMounts:
        - name: models
          mountPath: /models
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: models
      persistentVolumeClaim:
        claimName: {{ include "likeness.modelsClaim" . }}
    - name: tmp
      emptyDir: {}
{{- end }}
