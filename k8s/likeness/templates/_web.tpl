{{/* What turns grpc-web and JSON into gRPC, before Envoy's router; deploy/envoy.yaml has the same. */}}
{{- define "likeness.webFilters" -}}
- name: envoy.filters.http.cors
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors
- name: envoy.filters.http.grpc_web
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb
- name: envoy.filters.http.buffer
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
    max_request_bytes: 29360128  # the transcoder does not bound all that it takes
- name: envoy.filters.http.grpc_json_transcoder
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder
    proto_descriptor: /etc/envoy/config/api.binpb
    services:
      - likeness.v1.IdentityService
      - likeness.v1.GenerationService
      - likeness.v1.ProvenanceService
      - google.longrunning.Operations
    auto_mapping: true  # WaitOperation has no route of its own
    convert_grpc_status: true
    request_validation_options:
      reject_unknown_method: true
      reject_unknown_query_parameters: true
    # LIKENESS_CALLS__MAX_REQUEST_BYTES and MAX_RESPONSE_BYTES, a third larger by base64.
    max_request_body_size: 29360128
    max_response_body_size: 360710144
{{- end }}

{{/* Reflection is a conversation: its requests can't be awaited to their end. */}}
{{- define "likeness.webRoutes" -}}
- match:
    prefix: /grpc.reflection.
  route: {cluster: gateway, timeout: 0s}
  typed_per_filter_config:
    envoy.filters.http.buffer:
      "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute
      disabled: true
{{- end }}

{{/* Pages of which origins may call; without any, browsers keep answers from all. */}}
{{- define "likeness.webOrigins" -}}
{{- with .origins -}}
typed_per_filter_config:
  envoy.filters.http.cors:
    "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
    allow_origin_string_match:
      {{- range . }}
      - exact: {{ . }}
      {{- end }}
    allow_methods: GET, POST, DELETE
    allow_headers: authorization, content-type, grpc-timeout, traceparent, tracestate, x-grpc-web, x-user-agent
    expose_headers: grpc-message, grpc-status, grpc-status-details-bin
    max_age: "7200"
    forward_not_matching_preflights: false
{{- end }}
{{- end }}
