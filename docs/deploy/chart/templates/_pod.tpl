{{- define "pictor.pod" -}}
metadata:
  labels:
    {{- include "pictor.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # A changed setting restarts the servers, one after the other.
    checksum/settings: {{ include "pictor.settings" . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "pictor.account" . }}
  automountServiceAccountToken: false
  # Variables of other services are none of pictor's settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.shutdown.grace }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: pictor
      image: {{ include "pictor.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/pictor/settings/pictor.yaml]
      {{- with .Values.extraEnv }}
      env: {{ toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: 8080
        - name: admin
          containerPort: 8081
      # A server is alive while its port answers: one that is busy or waits for a disk is not restarted for it.
      startupProbe:
        httpGet: {path: /health/live, port: http, scheme: {{ include "pictor.scheme" . }}}
        periodSeconds: 1
        timeoutSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /health/live, port: http, scheme: {{ include "pictor.scheme" . }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /health/ready, port: http, scheme: {{ include "pictor.scheme" . }}}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        preStop:
          sleep: {seconds: {{ .Values.shutdown.delay }}}
      resources: {{ toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: settings
          mountPath: /etc/pictor/settings
          readOnly: true
        {{- if .Values.secret.name }}
        - name: secrets
          mountPath: /etc/pictor/secrets
          readOnly: true
        {{- end }}
        - name: data
          mountPath: /var/lib/pictor
        {{- with .Values.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: settings
      configMap:
        name: {{ include "pictor.name" . }}
    {{- with .Values.secret.name }}
    - name: secrets
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- if not .Values.disk.enabled }}
    - name: data
      emptyDir:
        sizeLimit: {{ .Values.disk.size }}
    {{- end }}
    {{- with .Values.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{ include "pictor.selector" . | nindent 10 }}
    {{- end }}
{{- end -}}
