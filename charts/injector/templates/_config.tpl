{{/* The configuration file: what the values say, what the chart adds, and what that means for other objects. */}}

{{/* What hack/chart.py wrote down of the program: profiles, and the defaults that templates look at. */}}
{{- define "injector.facts" -}}
{{- .Files.Get "files/facts.yaml" -}}
{{- end -}}

{{- define "injector.service" -}}
{{ include "injector.namespace" . }}/{{ include "injector.name" . }}
{{- end -}}

{{/* The file as it is mounted. */}}
{{- define "injector.config" -}}
{{- $added := dict "service" (include "injector.service" .) -}}
{{- if ne .Values.certificates.source "own" -}}
{{- $added = dict "source" "secret" "folder" "/var/run/sidecar-injector/certificate" -}}
{{- if has (dig "server" "certificates" "publish" "" .Values.config | toString) (list "on" "true") -}}
{{- $_ := set $added "service" (include "injector.service" .) -}}
{{- end -}}
{{- end -}}
{{- mergeOverwrite (dict "server" (dict "certificates" $added)) (deepCopy .Values.config) | toYaml -}}
{{- end -}}

{{/* The same with the program's defaults, for what depends on it. */}}
{{- define "injector.effective" -}}
{{- $defaults := (include "injector.facts" . | fromYaml).defaults -}}
{{- mergeOverwrite $defaults (include "injector.config" . | fromYaml) | toYaml -}}
{{- end -}}

{{/* own, secret or files, as the program takes "auto". */}}
{{- define "injector.certificateSource" -}}
{{- $server := (include "injector.effective" . | fromYaml).server -}}
{{- $given := $server.certificates -}}
{{- if ne $given.source "auto" -}}
{{- $given.source -}}
{{- else if or $server.tlsCert $server.tlsKey $server.tlsBundle -}}
files
{{- else if $given.folder -}}
secret
{{- else -}}
own
{{- end -}}
{{- end -}}

{{/* Whether the webhook writes caBundle: "true" or nothing. */}}
{{- define "injector.publishes" -}}
{{- /* A plain on is true in YAML. */ -}}
{{- $publish := (include "injector.effective" . | fromYaml).server.certificates.publish | toString -}}
{{- if or (has $publish (list "on" "true")) (and (eq $publish "auto") (eq (include "injector.certificateSource" .) "own")) -}}
true
{{- end -}}
{{- end -}}

{{/* Whether Events are written: "true" or nothing. */}}
{{- define "injector.events" -}}
{{- if not (has ((include "injector.effective" . | fromYaml).server.events | toString) (list "off" "false")) -}}
true
{{- end -}}
{{- end -}}

{{/* The port at the end of an address. */}}
{{- define "injector.port" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end -}}

{{/* Name of the Secret that cert-manager or somebody else fills. */}}
{{- define "injector.certificateSecret" -}}
{{- if eq .Values.certificates.source "cert-manager" -}}
{{- include "injector.name" . }}-tls
{{- else -}}
{{- required "certificates.existingSecret is needed with certificates.source secret: the name of a Secret of type kubernetes.io/tls" .Values.certificates.existingSecret -}}
{{- end -}}
{{- end -}}
