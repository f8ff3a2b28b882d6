{{/* What the MutatingWebhookConfigurations are made of. */}}

{{- define "injector.profileFacts" -}}
{{- $profile := .Values.config.profile | default "istio" -}}
{{- index (include "injector.facts" . | fromYaml).profiles $profile | default dict | toYaml -}}
{{- end -}}

{{- define "injector.webhookName" -}}
{{- $revision := .Values.config.revision | default "default" -}}
{{- include "injector.webhookStem" . -}}
{{- if and (not .Values.webhook.name) (ne $revision "default") -}}
-{{ $revision }}
{{- end -}}
{{- end -}}

{{/* The object of a tag has the same name whichever revision it points to, so that it can be moved: dict "top" $ "tag" TAG. */}}
{{- define "injector.tagName" -}}
{{- include "injector.webhookStem" .top }}-tag-{{ .tag }}
{{- end -}}

{{- define "injector.webhookStem" -}}
{{- $profile := .Values.config.profile | default "istio" -}}
{{- if .Values.webhook.name -}}
{{- .Values.webhook.name -}}
{{- else -}}
{{- if not (include "injector.profileFacts" . | fromYaml) -}}
{{- $profile = (include "injector.ownProfile" . | fromYaml).name -}}
{{- end -}}
{{- if not $profile -}}
{{- fail "webhook.name is needed for a profile of your own: the name of the MutatingWebhookConfiguration" -}}
{{- end -}}
sidecar-injector-{{ $profile }}
{{- end -}}
{{- end -}}

{{/* The names of all of them, one in a line. */}}
{{- define "injector.webhookNames" -}}
{{- include "injector.webhookName" . }}
{{- range .Values.webhook.tags }}
{{ include "injector.tagName" (dict "top" $ "tag" .) }}
{{- end }}
{{- end -}}

{{/* Entries of a revision or a tag, as {"entries": [...]}: dict "top" $ "revision" NAME. */}}
{{- define "injector.entries" -}}
{{- $values := .top.Values -}}
{{- $facts := include "injector.profileFacts" .top | fromYaml -}}
{{- if $values.webhook.entries -}}
{{- dict "entries" $values.webhook.entries | toYaml -}}
{{- else if include "injector.ownProfile" .top -}}
{{- include "injector.ownEntries" (dict "top" .top "profile" (include "injector.ownProfile" .top | fromYaml)) -}}
{{- else if not $facts -}}
{{- fail "webhook.entries is needed for a profile outside of files: run `injector webhook-config --config FILE --service NAMESPACE/NAME`, and put there what it prints under webhooks" -}}
{{- else -}}
{{- $which := "named" -}}
{{- if eq .revision "default" -}}
{{- $which = "unnamed" -}}
{{- if dig "values" "sidecarInjectorWebhook" "enableNamespacesByDefault" false $values.config -}}
{{- $which = "everywhere" -}}
{{- end -}}
{{- end -}}
{{- $listed := index $facts.entries $which | toYaml | replace "REVISION" .revision -}}
{{- $listed = replace "NAMESPACE" (include "injector.namespace" .top) $listed -}}
{{- $conditions := ternary $facts.optInConditions $facts.matchConditions (eq (include "injector.optIn" .top) "true") -}}
{{- $entries := list -}}
{{- range fromYamlArray $listed -}}
{{- $entries = append $entries (set . "matchConditions" $conditions) -}}
{{- end -}}
{{- dict "entries" $entries | toYaml -}}
{{- end -}}
{{- end -}}

{{/* The namespaceSelector of an entry without the namespaces that never come: dict "top" $ "selector" SELECTOR "ignored" NAMES. */}}
{{- define "injector.namespaceSelector" -}}
{{- $webhook := .top.Values.webhook -}}
{{- $outside := concat $webhook.excludedNamespaces (.ignored | default list) -}}
{{- if $webhook.excludeOwnNamespace -}}
{{- $outside = append $outside (include "injector.namespace" .top) -}}
{{- end -}}
{{- $selector := deepCopy (.selector | default dict) -}}
{{- if $outside -}}
{{- $last := dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" ($outside | uniq | sortAlpha) -}}
{{- $_ := set $selector "matchExpressions" (append ($selector.matchExpressions | default list) $last) -}}
{{- end -}}
{{- toYaml $selector -}}
{{- end -}}

{{/* The URL of a webhook elsewhere; without a path of its own, with that of the values. */}}
{{- define "injector.url" -}}
{{- $url := .Values.webhook.url -}}
{{- if regexMatch "^https://[^/]+/+[^/]" $url -}}
{{- $url -}}
{{- else -}}
{{- trimSuffix "/" $url }}{{ .Values.webhook.path -}}
{{- end -}}
{{- end -}}

{{- define "injector.sideEffects" -}}
{{- $server := (include "injector.effective" . | fromYaml).server -}}
{{- $traces := or $server.record.directory (include "injector.events" .) -}}
{{- if ne .Values.webhook.sideEffects "auto" -}}
{{- .Values.webhook.sideEffects -}}
{{- else -}}
{{- ternary "NoneOnDryRun" "None" (not (empty $traces)) -}}
{{- end -}}
{{- end -}}
