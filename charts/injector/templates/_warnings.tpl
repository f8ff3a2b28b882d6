{{/* What an operator should know of the values, a paragraph each, for NOTES.txt. */}}
{{- define "injector.warnings" -}}
{{- $values := .Values -}}
{{- $here := not $values.webhook.url -}}
{{- $server := (include "injector.effective" . | fromYaml).server -}}
{{- if and $here (not $values.autoscaling.enabled) (lt (int $values.replicas) 2) (eq $values.webhook.failurePolicy "Fail") }}

With one replica, no pod can be created in these namespaces while it is down: set replicas to 2.
{{- end }}
{{- $made := or (eq $values.certificates.source "cert-manager") (include "injector.publishes" .) $values.certificates.caBundle }}
{{- if and $here $values.webhook.enabled (not $made) (not (index $values.webhook.annotations "cert-manager.io/inject-ca-from-secret")) }}

caBundle is empty, so every call to the webhook fails. Set one of these:
  - certificates.caBundle: the PEM certificates of your CA
  - config.server.certificates.publish: "on", and the webhook writes the ca.crt of the Secret
  - webhook.annotations: {cert-manager.io/inject-ca-from-secret: NAMESPACE/NAME}, and cert-manager writes it
{{- end }}
{{- if and (not $here) (not $values.certificates.caBundle) }}

certificates.caBundle is empty, so the API server trusts the CAs of its own system only.
{{- end }}
{{- if eq $values.webhook.failurePolicy "Ignore" }}

With failurePolicy Ignore, pods start without a sidecar while the webhook does not answer.
{{- end }}
{{- if and $here (eq $values.webhook.failurePolicy "Ignore") (eq $server.failureMode "deny") }}
A pod for which a template fails is still rejected: set config.server.failureMode to allow, or webhook.failurePolicy to Fail.
{{- else if and $here (eq $values.webhook.failurePolicy "Fail") (eq $server.failureMode "allow") }}

A pod for which a template fails starts without a sidecar: remove config.server.failureMode, or set webhook.failurePolicy to Ignore.
{{- end }}
{{- $global := dig "values" "global" dict $values.config }}
{{- $isIstio := eq ($values.config.profile | default "istio") "istio" }}
{{- if and $here $isIstio (not (or $global.hub $global.tag $server.source.istio.namespace)) }}

Pods get a development image of the proxy. Set config.values.global.hub and config.values.global.tag.
{{- end }}
{{- if and $here $values.hostNetwork }}

The pods use the network of their nodes: {{ $server.listen }} and {{ $server.healthListen }} must be free there.
{{- if $values.networkPolicy.enabled }} A NetworkPolicy has no
effect on such pods.
{{- end }}
{{- end }}
{{- $metrics := $values.metrics }}
{{- range $value, $kind := dict "serviceMonitor" "ServiceMonitor" "podMonitor" "PodMonitor" "alerts" "PrometheusRule" }}
{{- if and $here (index $metrics $value).enabled (not ($.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" $kind))) }}

metrics.{{ $value }} created nothing: the cluster has no {{ $kind }} of monitoring.coreos.com/v1. Install the Prometheus
operator, then upgrade this release.
{{- end }}
{{- end }}
{{- end -}}
