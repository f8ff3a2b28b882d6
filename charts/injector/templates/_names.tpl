{{/* Names, labels and annotations of the release's objects. */}}

{{- define "injector.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "injector.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* Objects of the whole cluster: two releases of one name may be in two namespaces. */}}
{{- define "injector.clusterName" -}}
{{- printf "%s-%s" (include "injector.namespace" .) (include "injector.name" .) -}}
{{- end -}}

{{- define "injector.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "injector.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "injector.selector" -}}
app.kubernetes.io/name: sidecar-injector
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: webhook
{{- end -}}

{{/*
The labels of an object: dict "top" $, and where they are wanted "labels". What selectors and Helm go by stays as it is,
whatever the values say.
*/}}
{{- define "injector.labels" -}}
{{- $top := .top -}}
{{- $labels := dict "app.kubernetes.io/version" $top.Chart.AppVersion "app.kubernetes.io/part-of" "sidecar-injector" -}}
{{- $labels = mergeOverwrite $labels $top.Values.commonLabels (.labels | default dict) -}}
{{- $chart := printf "%s-%s" $top.Chart.Name $top.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $_ := set $labels "helm.sh/chart" $chart -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" $top.Release.Service -}}
{{- $_ := set $labels "app.kubernetes.io/name" "sidecar-injector" -}}
{{- $_ := set $labels "app.kubernetes.io/instance" $top.Release.Name -}}
{{- toYaml $labels -}}
{{- end -}}

{{/*
The metadata of an object: dict "top" $ "name" NAME, and where they are wanted "namespace" (empty: of the whole
cluster), "annotations", "labels".
*/}}
{{- define "injector.metadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- include "injector.labels" (dict "top" .top "labels" .labels) | nindent 2 }}
{{- with mergeOverwrite (deepCopy .top.Values.commonAnnotations) (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The Secrets for the registry, as a pod lists them: those of all charts, then those of this one. */}}
{{- define "injector.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat (.Values.global.imagePullSecrets | default list) (.Values.imagePullSecrets | default list) -}}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- with $secrets | uniq -}}
imagePullSecrets:
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{- define "injector.image" -}}
{{- $image := .Values.image -}}
{{- $registry := $image.registry | default .Values.global.imageRegistry -}}
{{- $tag := $image.tag | default .Chart.AppVersion -}}
{{- if not (or $registry (contains "/" $image.repository)) -}}
{{- fail "image.registry is needed: the registry that has your image; without one, a node asks its default registry" -}}
{{- end -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}:{{ $tag }}{{ with $image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* A probe: list PATH TIMES. */}}
{{- define "injector.probe" -}}
{{- merge (dict "httpGet" (dict "path" (first .) "port" "health")) (last . | default dict) | toYaml -}}
{{- end -}}
