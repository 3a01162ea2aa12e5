{{/* A request that the sampler answers after a real call of every model; curl fails if one is away. */}}
{{- define "likeness.heartbeat" -}}
[curl, --silent, --show-error, --fail, --max-time, "30", --data, '{"heartbeat":[1]}', http://127.0.0.1:8000/v2/models/sampler/generate_stream]
{{- end }}
