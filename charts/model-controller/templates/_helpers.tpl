{{/* The controller's image. */}}
{{- define "model-controller.image" -}}
{{- $image := .Values.image -}}
{{- $name := ternary $image.repository (printf "%s/%s" $image.registry $image.repository) (empty $image.registry) -}}
{{- $tag := default .Chart.AppVersion $image.tag -}}
{{- printf "%s:%s" $name $tag -}}{{- with $image.digest }}@{{ . }}{{- end -}}
{{- end -}}

{{- define "model-controller.serviceAccountName" -}}
{{- default "model-controller" .Values.serviceAccount.name -}}
{{- end -}}

{{/* Arguments that values stand for, as a YAML list. */}}
{{- define "model-controller.arguments" -}}
{{- range .Values.namespaces }}
- {{ printf "--namespace=%s" . | quote }}
{{- end }}
{{- range .Values.hostpathPrefixes }}
- {{ printf "--hostpath-prefix=%s" . | quote }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}
