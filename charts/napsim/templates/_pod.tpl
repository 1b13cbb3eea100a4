{{/* What the pods of the chart have in common. */}}

{{/*
Where they may run: not on the fake Nodes, on which nothing really runs and which napsim deletes. A Node of a NodePool is
fake unless it plays that node in place, for which it carries a label of its own. Either of the two is enough.
*/}}
{{- define "napsim.realNodes" -}}
- key: karpenter.sh/nodepool
  operator: DoesNotExist
- key: napsim.dev/nodepool
  operator: Exists
{{- end -}}

{{/* The affinity of values, with that added: to each of its required terms, any one of which is enough. Takes (list $ .Values.affinity). */}}
{{- define "napsim.affinity" -}}
{{- $affinity := deepCopy (last .) -}}
{{- $node := default dict $affinity.nodeAffinity -}}
{{- $required := default dict $node.requiredDuringSchedulingIgnoredDuringExecution -}}
{{- $terms := list -}}
{{- range $term := default (list dict) $required.nodeSelectorTerms -}}
{{- range $real := include "napsim.realNodes" (first $) | fromYamlArray -}}
{{- $expressions := append (default list $term.matchExpressions) $real -}}
{{- $terms = append $terms (merge (dict "matchExpressions" $expressions) $term) -}}
{{- end -}}
{{- end -}}
{{- $node = merge (dict "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms)) $node -}}
{{- toYaml (merge (dict "nodeAffinity" $node) $affinity) -}}
{{- end -}}

{{/* An affinity that keeps the pods of a component on different Nodes where that can be. Takes (list $ "component"). */}}
{{- define "napsim.apart" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "napsim.selectorLabels" . | nindent 12 }}
{{- end -}}

{{/* As the restricted Pod Security Standard wants it. */}}
{{- define "napsim.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.runAs.user }}
runAsGroup: {{ .Values.runAs.group }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "napsim.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where the pod is: the inPlace provider leaves the operator's own Node to the last. */}}
{{- define "napsim.whereabouts" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end -}}
