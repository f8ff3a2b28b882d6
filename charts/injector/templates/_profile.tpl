{{/* A profile of one's own in .Values.files: its entry and conditions, as `injector webhook-config` prints them. */}}

{{/* profile.yaml; nothing for a profile that ships, or that is not in .Values.files. */}}
{{- define "injector.ownProfile" -}}
{{- if and (has .Values.config.profile (list "./" ".")) (index .Values.files "profile.yaml") -}}
{{- $profile := index .Values.files "profile.yaml" | fromYaml -}}
{{- if hasKey $profile "Error" -}}
{{- fail (printf "files: profile.yaml is not YAML: %s" $profile.Error) -}}
{{- end -}}
{{- toYaml $profile -}}
{{- end -}}
{{- end -}}

{{/* "true" if only pods with the switch are injected, and nothing outside the release says otherwise. */}}
{{- define "injector.optIn" -}}
{{- $config := .Values.config -}}
{{- $source := (include "injector.effective" . | fromYaml).server.source -}}
{{- if and (eq ($config.policy | default "enabled") "disabled") (not $config.alwaysInjectSelector) (not $source.configMap.name) (not $source.istio.namespace) -}}
true
{{- end -}}
{{- end -}}

{{/* The entry as {"entries": [...]}: dict "top" $ "profile" PROFILE. */}}
{{- define "injector.ownEntries" -}}
{{- $profile := .profile -}}
{{- $ignored := $profile.ignoredNamespaces | default list -}}
{{- $namespaces := include "injector.expressions" (dict "selector" (dig "selectors" "namespaceSelector" dict $profile)) | fromYamlArray -}}
{{- $objects := include "injector.expressions" (dict "selector" (dig "selectors" "objectSelector" dict $profile)) | fromYamlArray -}}
{{- $off := dict "key" (include "injector.switch" $profile) "operator" "NotIn" "values" (list "false") -}}
{{- $entry := dict "name" (printf "pods.%s.sidecar-injector" (required "files: profile.yaml needs a name" $profile.name)) -}}
{{- $_ := set $entry "namespaceSelector" (dict "matchExpressions" $namespaces) -}}
{{- $_ := set $entry "objectSelector" (dict "matchExpressions" (append $objects $off)) -}}
{{- $_ := set $entry "ignored" $ignored -}}
{{- $_ := set $entry "matchConditions" (include "injector.ownConditions" . | fromYamlArray) -}}
{{- dict "entries" (list $entry) | toYaml -}}
{{- end -}}

{{/* The expressions of a label selector: dict "selector" SELECTOR. */}}
{{- define "injector.expressions" -}}
{{- $out := list -}}
{{- $selector := .selector | default dict -}}
{{- range $key, $value := $selector.matchLabels -}}
{{- $out = append $out (dict "key" $key "operator" "In" "values" (list $value)) -}}
{{- end -}}
{{- concat $out ($selector.matchExpressions | default list) | toYaml -}}
{{- end -}}

{{- define "injector.switch" -}}
{{- dig "keys" "switch" "" . | default "sidecar-injector/inject" -}}
{{- end -}}

{{/* The match conditions: dict "top" $ "profile" PROFILE. The same text as core/registration/match_conditions.py gives. */}}
{{- define "injector.ownConditions" -}}
{{- $profile := .profile -}}
{{- $switch := include "injector.switch" $profile -}}
{{- $words := include "injector.celWords" $profile -}}
{{- if include "injector.optIn" .top -}}
{{- list (dict "name" "opted-in" "expression" $words) | toYaml -}}
{{- else -}}
{{- $labels := "object.metadata.labels" -}}
{{- $annotations := "object.metadata.annotations" -}}
{{- $unsuited := list (printf "(has(%s) && 'kubernetes.io/config.mirror' in %s)" $annotations $annotations) -}}
{{- $unsuited = append $unsuited "(has(object.spec.hostNetwork) && object.spec.hostNetwork)" -}}
{{- with $profile.ignoredNamespaces -}}
{{- $unsuited = append $unsuited (printf "(request.namespace in %s)" (include "injector.celList" .)) -}}
{{- end -}}
{{- $systems := ternary (list "linux") $profile.operatingSystems (kindIs "invalid" $profile.operatingSystems) -}}
{{- with $systems -}}
{{- $unsuited = append $unsuited (printf "(has(object.spec.os) && has(object.spec.os.name) && object.spec.os.name != '' && !(object.spec.os.name in %s))" (include "injector.celList" .)) -}}
{{- end -}}
{{- $text := include "injector.celText" $switch -}}
{{- $label := printf "has(%s) && %s in %s" $labels $text $labels -}}
{{- $annotation := printf "has(%s) && %s in %s" $annotations $text $annotations -}}
{{- $out := list (printf "(%s && %s[%s] == 'false')" $label $labels $text) -}}
{{- $out = append $out (printf "(!(%s) && %s && %s[%s] == 'false')" $label $annotation $annotations $text) -}}
{{- $one := dict "name" "not-unsuited" "expression" (printf "!(%s) || %s" (join " || " $unsuited) $words) -}}
{{- $two := dict "name" "not-opted-out" "expression" (printf "!(%s) || %s" (join " || " $out) $words) -}}
{{- list $one $two | toYaml -}}
{{- end -}}
{{- end -}}

{{/* An expression for pods with a key of the profile that is not false. */}}
{{- define "injector.celWords" -}}
{{- $switch := include "injector.switch" . -}}
{{- $catalogue := .catalogue | default dict -}}
{{- $domains := $catalogue.domains | default list -}}
{{- $labels := $catalogue.labels | default list -}}
{{- $annotations := $catalogue.annotations | default list -}}
{{- $spaces := $catalogue.namespaceLabels | default list -}}
{{- $known := list -}}
{{- $elsewhere := list -}}
{{- $here := list -}}
{{- range $key := concat $labels $annotations $spaces | uniq -}}
{{- $inside := false -}}
{{- range $domains -}}
{{- $inside = or $inside (contains . $key) -}}
{{- end -}}
{{- if ne $key $switch -}}
{{- if and $inside (has $key $labels) -}}
{{- $known = append $known $key -}}
{{- end -}}
{{- if not $inside -}}
{{- if not (has $key $labels) -}}
{{- $here = append $here $key -}}
{{- end -}}
{{- if not (has $key $annotations) -}}
{{- $elsewhere = append $elsewhere $key -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $first := include "injector.celAny" (dict "where" "object.metadata.labels" "misplaced" $here "known" $known "domains" $domains "switch" $switch) -}}
{{- $second := include "injector.celAny" (dict "where" "object.metadata.annotations" "misplaced" $elsewhere "known" list "domains" $domains "switch" $switch) -}}
{{- printf "%s || %s" $first $second -}}
{{- end -}}

{{- define "injector.celAny" -}}
{{- $parts := list -}}
{{- range .domains -}}
{{- $parts = append $parts (printf "k.contains(%s)" (include "injector.celText" .)) -}}
{{- end -}}
{{- $ours := join " || " $parts -}}
{{- if and $ours .known -}}
{{- $ours = printf "(%s) && !(k in %s)" $ours (include "injector.celList" .known) -}}
{{- end -}}
{{- $terms := list -}}
{{- with .misplaced -}}
{{- $terms = append $terms (printf "k in %s" (include "injector.celList" .)) -}}
{{- end -}}
{{- with $ours -}}
{{- $terms = append $terms (printf "(%s)" .) -}}
{{- end -}}
{{- $other := join " || " $terms | default "false" -}}
{{- printf "(has(%s) && (size(%s) > 100 || %s.exists(k, k == %s ? %s[k] != 'false' : (%s))))" .where .where .where (include "injector.celText" .switch) .where $other -}}
{{- end -}}

{{- define "injector.celList" -}}
{{- $out := list -}}
{{- range . | uniq | sortAlpha -}}
{{- $out = append $out (include "injector.celText" .) -}}
{{- end -}}
{{- printf "[%s]" (join ", " $out) -}}
{{- end -}}

{{- define "injector.celText" -}}
{{- printf "'%s'" (. | toJson | trimPrefix "\"" | trimSuffix "\"" | replace "\\\"" "\"" | replace "'" "\\'") -}}
{{- end -}}
