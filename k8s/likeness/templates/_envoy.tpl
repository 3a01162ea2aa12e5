{{/* Envoy's configuration: callers come by TLS; the kubelet and Prometheus see one path each. */}}
{{- define "likeness.envoy" -}}
node: {id: gateway, cluster: likeness}
static_resources:
  listeners:
    {{- if .Values.gateway.tls.secretName }}
    - {{- include "likeness.envoyListener" (dict "name" "calls" "port" 8443 "prefix" "/" "codec" "AUTO" "web" .Values.gateway.web) | nindent 6 }}
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: {{ .Values.gateway.tls.requireCertificate }}
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_params:
                  tls_minimum_protocol_version: TLSv1_3
                  tls_maximum_protocol_version: TLSv1_3
                tls_certificate_sds_secret_configs:
                  - name: server
                    sds_config:
                      path_config_source:
                        path: /etc/envoy/config/server.yaml
                validation_context_sds_secret_config:
                  name: callers
                  sds_config:
                    path_config_source:
                      path: /etc/envoy/config/callers.yaml
    {{- end }}
    - {{- include "likeness.envoyListener" (dict "name" "health" "port" 8081 "prefix" "/grpc.health.v1.Health/" "codec" "HTTP2") | nindent 6 }}
    - {{- include "likeness.envoyListener" (dict "name" "metrics" "port" 9464 "prefix" "/metrics" "codec" "HTTP1") | nindent 6 }}
  clusters:
    {{- include "likeness.envoyCluster" (dict "name" "gateway" "port" 50051) | nindent 4 }}
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options: {}
    {{- include "likeness.envoyCluster" (dict "name" "metrics" "port" 9465) | nindent 4 }}
{{- end }}

{{/* A listener that lets one prefix of paths through. Calls may last: their own deadlines end them. */}}
{{- define "likeness.envoyListener" -}}
name: {{ .name }}
address:
  socket_address: {address: "::", ipv4_compat: true, port_value: {{ .port }}}
filter_chains:
  - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {{ .name }}
          codec_type: {{ .codec }}
          stream_idle_timeout: 0s
          use_remote_address: true  # what x-forwarded-for says gives nobody rights
          skip_xff_append: true
          forward_client_cert_details: SANITIZE_SET
          set_current_client_cert_details: {subject: true, dns: true, uri: true}
          http_filters:
            {{- if .web }}
            {{- include "likeness.webFilters" . | nindent 12 }}
            {{- end }}
            - name: envoy.filters.http.router
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
              - name: {{ .name }}
                domains: ["*"]
                {{- if .web }}
                {{- include "likeness.webOrigins" .web | nindent 16 }}
                {{- end }}
                routes:
                  {{- if .web }}
                  {{- include "likeness.webRoutes" . | nindent 18 }}
                  {{- end }}
                  - match:
                      prefix: {{ .prefix }}
                    route:
                      cluster: {{ eq .name "metrics" | ternary "metrics" "gateway" }}
                      timeout: 0s
{{- end }}

{{- define "likeness.envoyCluster" -}}
- name: {{ .name }}
  connect_timeout: 1s
  circuit_breakers:  # above what the gateway takes at a time, so that it is the one to refuse
    thresholds:
      - {max_requests: 4000, max_pending_requests: 4000}
  load_assignment:
    cluster_name: {{ .name }}
    endpoints:
      - lb_endpoints:
          - endpoint:
              address:
                socket_address: {address: 127.0.0.1, port_value: {{ .port }}}
{{- end }}
