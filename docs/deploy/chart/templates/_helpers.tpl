{{- define "pictor.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pictor.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pictor.labels" -}}
{{ include "pictor.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "pictor.account" -}}
{{- default (include "pictor.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "pictor.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* Settings as a file. What the chart sets itself wins, so that probes and volumes agree with it. */}}
{{- define "pictor.settings" -}}
{{- $own := dict "listen" ":8080" "admin-listen" ":8081" "log-format" "json" -}}
{{- $_ := set $own "cache-dir" "/var/lib/pictor" -}}
{{- $_ := set $own "state-dir" "/var/lib/pictor/state" -}}
{{- $_ := set $own "cache-disk" .Values.disk.cacheSize -}}
{{- range $flag, $key := .Values.secret.files -}}
{{- $_ := set $own $flag (printf "/etc/pictor/secrets/%s" $key) -}}
{{- end -}}
{{- range $name, $value := .Values.config -}}
{{- if not (or (eq (toString $value) "") (hasKey $own $name)) -}}
{{- $_ := set $own $name $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $own -}}
{{- end -}}

{{/* With tls-cert the image port speaks HTTPS alone, also to probes. */}}
{{- define "pictor.scheme" -}}
{{- if get (include "pictor.settings" . | fromYaml) "tls-cert" -}} HTTPS {{- else -}} HTTP {{- end -}}
{{- end -}}
