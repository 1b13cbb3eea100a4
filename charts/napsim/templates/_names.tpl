{{/* What things are called and labelled. Each takes the root context, unless it says otherwise. */}}

{{- define "napsim.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The operator's Deployment and ServiceAccount, and what all other names begin with. Leaves room for their suffixes. */}}
{{- define "napsim.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "napsim.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "napsim.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "napsim.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "napsim.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false: which one is the operator to run as?" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Of the hook that tidies up before an uninstall. */}}
{{- define "napsim.releaseName" -}}
{{- printf "%s-release" (include "napsim.fullname" .) -}}
{{- end -}}

{{/* Of the role that is about the ConfigMap with the published window. */}}
{{- define "napsim.windowsName" -}}
{{- printf "%s-windows" (include "napsim.fullname" .) -}}
{{- end -}}

{{/* Of the KWOK controller. */}}
{{- define "napsim.kwokName" -}}
{{- printf "%s-kwok" (include "napsim.fullname" .) -}}
{{- end -}}

{{/* The Lease that says which operator acts. */}}
{{- define "napsim.leaseName" -}}
{{- default (include "napsim.fullname" .) .Values.lease.name -}}
{{- end -}}

{{/* What the pods of one component are told by, for ever: selectors cannot be changed. Takes (list $ "operator"). */}}
{{- define "napsim.selectorLabels" -}}
app.kubernetes.io/name: {{ include "napsim.name" (first .) }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{/* The recommended labels of an object of one component: operator, release, kwok, crds, lint, metrics or examples. Takes (list $ "operator"). */}}
{{- define "napsim.labels" -}}
{{- $root := first . -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "napsim.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: napsim
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image by digest, else by tag. Takes (list .Values.image "the default tag"). */}}
{{- define "napsim.image" -}}
{{- $image := first . -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (last .) $image.tag) -}}
{{- end -}}
{{- end -}}

{{/*
A manifest of files/ with the recommended labels, and annotations if there are any. As text: a manifest that is parsed
and printed by a template loses its integers to floating point. Takes (list $ "component" "text" "annotations").
*/}}
{{- define "napsim.labelled" -}}
{{- $labels := include "napsim.labels" (list (index . 0) (index . 1)) -}}
{{- $head := printf "\nmetadata:\n  labels:\n%s" (indent 4 $labels) -}}
{{- with index . 3 -}}
{{- $head = printf "%s\n  annotations:\n%s" $head (indent 4 .) -}}
{{- end -}}
{{- $text := index . 2 | replace "  labels:\n    app.kubernetes.io/part-of: napsim\n" "" -}}
{{- if ne (len (splitList "\nmetadata:" $text)) 2 -}}
{{- fail (printf "a manifest in files/ has not exactly one metadata at its top: %s" (trunc 200 $text)) -}}
{{- end -}}
{{- $text | replace "\nmetadata:" $head | trimSuffix "\n" -}}
{{- end -}}
