{{/* The groups of files/alerts.yaml without those left out, with what the values add to each alert. */}}

{{/* A pod of this release, as the operator labels what it scrapes: else another release would hide that this one is gone. */}}
{{- define "injector.podLabels" -}}
{{- printf "{namespace=%q,pod=~%q}" (include "injector.namespace" .) (printf "%s-[a-z0-9]+(-[a-z0-9]+)?" (include "injector.name" .)) -}}
{{- end -}}

{{- define "injector.alerts" -}}
{{- $top := . -}}
{{- $values := .Values.metrics.alerts -}}
{{- $groups := list -}}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).groups -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- if not (has .alert $values.disabled) -}}
{{- if eq .alert "InjectorAbsent" -}}
{{- $_ := set . "expr" (replace "injector_config_info" (printf "injector_config_info%s" (include "injector.podLabels" $top)) .expr) -}}
{{- end -}}
{{- $_ := set . "labels" (mergeOverwrite .labels $values.additionalRuleLabels) -}}
{{- if $values.runbookBase -}}
{{- $_ := set .annotations "runbook_url" (printf "%s#%s" $values.runbookBase (lower .alert)) -}}
{{- end -}}
{{- $rules = append $rules . -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (dict "name" .name "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- dict "groups" $groups | toYaml -}}
{{- end -}}
