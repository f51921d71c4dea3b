{{- define "punctual.labels" -}}
app.kubernetes.io/name: punctual
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: punctual
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* What selects the pods of one component. */}}
{{- define "punctual.selector" -}}
app.kubernetes.io/part-of: punctual
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* On objects that aren't pods. */}}
{{- define "punctual.meta" -}}
{{ include "punctual.labels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* One of .Values.images, by name. */}}
{{- define "punctual.image" -}}
{{- $image := index .root.Values.images .name -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else if hasPrefix "@" $image.tag -}}
{{ $image.repository }}{{ $image.tag }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The variables of spin.toml that a group's components use, as JSON. */}}
{{- define "punctual.needs" -}}
{{- $components := (.root.Files.Get "files/spin.toml" | fromToml).component -}}
{{- $found := list -}}
{{- range $name := .components -}}
{{- $component := get $components $name | required (printf "spin.toml has no component %s" $name) -}}
{{- range $text := concat (values ($component.variables | default dict)) ($component.allowed_outbound_hosts | default list) -}}
{{- range regexFindAll "\\{\\{ *[a-z_]+ *\\}\\}" $text -1 -}}
{{- $found = append $found (regexFind "[a-z_]+" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $found | uniq | sortAlpha | toJson -}}
{{- end }}

{{/* Which groups have a sidecar: those that keep state in Dapr, and those that it delivers to. As JSON. */}}
{{- define "punctual.sidecars" -}}
{{- $found := list -}}
{{- range $group, $it := .Values.groups -}}
{{- $needs := include "punctual.needs" (dict "root" $ "components" $it.components) | fromJsonArray -}}
{{- if or (has "dapr_url" $needs) (has "app_api_token" $needs) -}}
{{- $found = append $found $group -}}
{{- end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end }}

{{/* The groups whose components use a variable. As JSON. */}}
{{- define "punctual.groupsThatUse" -}}
{{- $found := list -}}
{{- range $group, $it := .root.Values.groups -}}
{{- if has $.variable (include "punctual.needs" (dict "root" $.root "components" $it.components) | fromJsonArray) -}}
{{- $found = append $found $group -}}
{{- end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end }}

{{/* Pools of connections that all functions together may have: one a pod and component that uses the database. */}}
{{- define "punctual.pools" -}}
{{- $pools := 0 -}}
{{- range $group, $it := .Values.groups -}}
{{- range $name := $it.components -}}
{{- if has "database_url" (include "punctual.needs" (dict "root" $ "components" (list $name)) | fromJsonArray) -}}
{{- $pools = add $pools $it.replicas.max -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $pools -}}
{{- end }}

{{- define "punctual.poolSize" -}}
{{- $size := div .Values.database.functionConnections (include "punctual.pools" . | int) -}}
{{- if lt $size 1 -}}
{{- fail (printf "database.functionConnections (%v) is less than one for each of %s pools: raise it, or lower replicas.max" .Values.database.functionConnections (include "punctual.pools" .)) -}}
{{- end -}}
{{- min $size 64 -}}
{{- end }}

{{/* Where each variable of spin.toml comes from, as YAML by name. */}}
{{- define "punctual.variables" -}}
database_url: { valueFrom: { secretKeyRef: { name: punctual-functions, key: database_url } } }
token_secret: { valueFrom: { secretKeyRef: { name: punctual-functions, key: token_secret } } }
events_secret: { valueFrom: { secretKeyRef: { name: punctual-functions, key: events_secret } } }
dapr_api_token: { valueFrom: { secretKeyRef: { name: punctual-dapr-api-token, key: token } } }
app_api_token: { valueFrom: { secretKeyRef: { name: punctual-dapr-app-token, key: token } } }
database_host: { value: {{ .Values.database.functionsHost | required "database.functionsHost: which host and port do the functions find Postgres at?" | quote }} }
registration: { value: {{ .Values.app.registration | quote }} }
hub_url: { value: "http://punctual-hub:3001" }
functions_url: { value: "http://punctual-api" }
public_url: { value: {{ include "punctual.publicUrl" . | quote }} }
trusted_proxies: { value: {{ join "," .Values.app.trustedProxies | quote }} }
webhook_allow_private: { value: {{ .Values.worker.webhookAllowPrivate | quote }} }
vapid_public_key: { value: {{ .Values.app.vapidPublicKey | quote }} }
email_enabled: { value: {{ not (empty .Values.app.smtpFrom) | quote }} }
dapr_url: { value: "http://127.0.0.1:3500" }
dapr_host: { value: "127.0.0.1:3500" }
{{- end }}

{{- define "punctual.publicUrl" -}}
{{ .Values.app.publicUrl | required "app.publicUrl: how does the world reach it?" }}
{{- end }}

{{- define "punctual.brokers" -}}
punctual-kafka-bootstrap:9093
{{- end }}

{{/* The annotations of a pod with a sidecar: root, app (id and Configuration's app), port; health, where it asks for it. */}}
{{- define "punctual.sidecar" -}}
dapr.io/enabled: "true"
dapr.io/app-id: punctual-{{ .app }}
dapr.io/app-port: {{ .port | quote }}
dapr.io/app-protocol: http
dapr.io/config: {{ .config }}
# Else it would be told to end together with the app, which still needs it to drain.
dapr.io/enable-native-sidecar: "true"
{{- with .health }}
dapr.io/enable-app-health-check: "true"
dapr.io/app-health-check-path: {{ . }}
dapr.io/app-health-probe-interval: "3"
{{- end }}
# Subscriptions are declared, and there are no actors. Asked for either in vain when the app starts, the sidecar would not
# subscribe at all.
dapr.io/disable-init-endpoints: subscribe,config
dapr.io/api-token-secret: punctual-dapr-api-token
dapr.io/app-token-secret: punctual-dapr-app-token
# Secrets come from the store named `secretstore` alone, whose rights are the pod's.
dapr.io/disable-builtin-k8s-secret-store: "true"
dapr.io/env: KAFKA_BOOTSTRAP_SERVERS={{ include "punctual.brokers" .root }}
dapr.io/log-as-json: "true"
dapr.io/sidecar-seccomp-profile-type: RuntimeDefault
dapr.io/sidecar-cpu-request: {{ .root.Values.dapr.resources.requests.cpu | quote }}
dapr.io/sidecar-memory-request: {{ .root.Values.dapr.resources.requests.memory | quote }}
dapr.io/sidecar-cpu-limit: {{ .root.Values.dapr.resources.limits.cpu | quote }}
dapr.io/sidecar-memory-limit: {{ .root.Values.dapr.resources.limits.memory | quote }}
{{- end }}

{{/* Changes whenever a Secret of these names does, or a setting: a pod with it is rolled out anew. */}}
{{- define "punctual.checksum" -}}
{{- $seen := list .root.Values.secrets.revision (.settings | default "") -}}
{{- range .secrets -}}
{{- $seen = append $seen ((lookup "v1" "Secret" $.root.Release.Namespace .).data | default dict | toJson) -}}
{{- end -}}
{{- $seen | toJson | sha256sum -}}
{{- end }}

{{/* What SpinAppExecutor says. It is among the settings of each SpinApp too: the operator looks at an app when that changes,
and not when its executor does. */}}
{{- define "punctual.executor" -}}
createDeployment: true
deploymentConfig:
  {{- if eq .Values.executor.mode "image" }}
  spinImage: {{ include "punctual.image" (dict "root" . "name" "executor") }}
  {{- else }}
  runtimeClassName: {{ .Values.executor.runtimeClassName }}
  {{- end }}
  installDefaultCACerts: true
  {{- with .Values.monitoring.otlpEndpoint }}
  otel:
    exporter_otlp_endpoint: {{ . }}
  {{- end }}
{{- end }}

{{/* For a pod of ours: what Pod Security's `restricted` asks for. */}}
{{- define "punctual.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "punctual.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "punctual.spread" -}}
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector: { matchLabels: { {{ include "punctual.selector" . | replace "\n" ", " }} } }
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector: { matchLabels: { {{ include "punctual.selector" . | replace "\n" ", " }} } }
{{- end }}

{{/* A file of /dapr, as an object: with other scopes, secret store and tracing, and with `metadata` in the place of its
entries of the same name. */}}
{{- define "punctual.dapr" -}}
{{- $object := .root.Files.Get (printf "files/dapr/%s" .file) | required (printf "there is no dapr/%s" .file) | fromYaml -}}
{{- $_ := set $object.metadata "labels" (include "punctual.meta" (dict "root" .root "component" "dapr") | fromYaml) -}}
{{- if .scopes -}}
{{- $_ := set $object "scopes" .scopes -}}
{{- end -}}
{{- if .metadata -}}
{{- $names := list -}}
{{- range .metadata -}}{{- $names = append $names .name -}}{{- end -}}
{{- $kept := list -}}
{{- range $object.spec.metadata -}}{{- if not (has .name $names) -}}{{- $kept = append $kept . -}}{{- end -}}{{- end -}}
{{- $_ := set $object.spec "metadata" (concat $kept .metadata) -}}
{{- end -}}
{{- if .auth -}}
{{- $_ := set $object "auth" (dict "secretStore" .auth) -}}
{{- end -}}
{{- if .tracing -}}
{{- $_ := set $object.spec "tracing" .tracing -}}
{{- end -}}
{{- $object | toYaml -}}
{{- end }}

{{/* The worker's environment: what isn't secret. */}}
{{- define "punctual.workerSettings" -}}
PUNCTUAL_DATA: /data
PUNCTUAL_FUNCTIONS_URL: http://punctual-events
PUNCTUAL_HUB_LISTEN: 0.0.0.0:3001
PUNCTUAL_METRICS_LISTEN: 0.0.0.0:9464
PUNCTUAL_LOG: {{ .Values.worker.log | quote }}
PUNCTUAL_LOG_FORMAT: json
PUNCTUAL_WEBHOOK_ALLOW_PRIVATE: {{ .Values.worker.webhookAllowPrivate | quote }}
PUBLIC_URL: {{ include "punctual.publicUrl" . | quote }}
{{- with .Values.app.smtpFrom }}
SMTP_FROM: {{ . | quote }}
{{- end }}
KAFKA_BOOTSTRAP_SERVERS: {{ include "punctual.brokers" . }}
KAFKA_SECURITY_PROTOCOL: SASL_SSL
KAFKA_SASL_MECHANISM: SCRAM-SHA-512
KAFKA_SASL_USERNAME: punctual-kafka-worker
KAFKA_CA_FILE: /kafka/ca.crt
DAPR_HTTP_ENDPOINT: http://127.0.0.1:3500
DAPR_SECRET_STORE: secretstore
{{- with .Values.monitoring.otlpEndpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . }}
OTEL_SERVICE_NAME: punctual-worker
{{- end }}
{{- end }}

{{- define "punctual.hook" -}}
{{- if .weight }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation
{{- end }}
{{- end }}

{{- define "punctual.secretStore" -}}
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata:
  name: {{ .name }}
  labels: {{- include "punctual.meta" (dict "root" .root "component" "secrets") | nindent 4 }}
  {{- include "punctual.hook" . | nindent 2 }}
spec:
  provider: {{- .root.Values.secrets.external.provider | toYaml | nindent 4 }}
{{- end }}

{{- define "punctual.externalSecret" -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .name }}
  labels: {{- include "punctual.meta" (dict "root" .root "component" "secrets") | nindent 4 }}
  {{- include "punctual.hook" . | nindent 2 }}
spec:
  refreshInterval: {{ .root.Values.secrets.external.refreshInterval }}
  secretStoreRef: { kind: SecretStore, name: {{ .store }} }
  target: { name: {{ .name }}, creationPolicy: Owner }
  data:
    {{- range .keys }}
    - { secretKey: {{ . }}, remoteRef: { key: {{ $.root.Values.secrets.external.prefix }}{{ $.name }}-{{ . | replace "_" "-" }} } }
    {{- end }}
{{- end }}

{{- define "punctual.kafkaStorage" -}}
type: persistent-claim
size: {{ .size }}
# The data outlives the cluster's object.
deleteClaim: false
{{- with .root.Values.kafka.storageClass }}
class: {{ . }}
{{- end }}
{{- end }}

{{- define "punctual.kafkaPod" -}}
securityContext:
  runAsNonRoot: true
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "punctual.prometheus" -}}
- type: prometheus
  name: {{ .name }}
  metadata:
    serverAddress: {{ .root.Values.monitoring.prometheusUrl }}
    query: {{ .query }}
    threshold: {{ .threshold | quote }}
{{- end }}

{{- define "punctual.apiServer" -}}
- to:
    {{- range .Values.network.apiServer }}
    - ipBlock: { cidr: {{ . }} }
    {{- end }}
  ports:
    {{- range .Values.network.apiServerPorts }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
{{- end }}

{{/* What `restricted` asks for. (That Strimzi's programs run on a read-only root is said nowhere.) */}}
{{- define "punctual.kafkaContainer" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: { drop: [ALL] }
{{- end }}
