package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// chartPrograms has helm, and manifests, which decodes what helm renders as the API of Kubernetes would, strictly.
const chartPrograms = "../../../.ci/charts/bin"

const helmChart = "../../../docs/deploy/chart"

// oldest is the version of Kubernetes that the chart asks for.
const oldest = "1.30.0"

// runChart runs one of these programs, and gives what it prints.
func runChart(t *testing.T, stdin []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(filepath.Join(chartPrograms, program), args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		text := ""
		if ended, ok := err.(*exec.ExitError); ok {
			text = string(ended.Stderr)
		}
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out, text)
	}
	return out
}

// A chart's values, and the objects that it makes of them.
var chartForms = map[string]struct {
	values string
	kinds  string
}{
	"smallest": {"secret: {name: pictor}", "ConfigMap Deployment PodDisruptionBudget Service Service ServiceAccount"},
	"all": {`
replicas: 3
image: {digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
config:
  cdn: cloudflare
  request-timeout: 45s
  browser-ttl: 10m
  allow-sources: ["*.example.com"]
  presets: {card: "rs:fill:300:200/q:80"}
  memory-limit: 900MiB
secret:
  name: pictor
  files: {key-file: key, salt-file: salt, admin-token-file: admin, metrics-token-file: metrics}
shutdown: {grace: 70}
disk: {enabled: true, size: 100Gi, cacheSize: 90Gi, storageClass: fast}
service: {annotations: {a: b}}
ingress:
  enabled: true
  className: nginx
  hosts: [images.example.com]
  tls: [{hosts: [images.example.com], secretName: x}]
autoscaling: {enabled: true}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
networkPolicy:
  enabled: true
  from: [{namespaceSelector: {matchLabels: {a: b}}}]
  metricsFrom: [{podSelector: {matchLabels: {app: prometheus}}}]
  egress: [{ports: [{port: 6379}]}]
serviceAccount: {annotations: {role: images}}
podAnnotations: {c: d}
podLabels: {e: f}
nodeSelector: {disk: nvme}
tolerations: [{key: images, operator: Exists}]
affinity: {podAntiAffinity: {}}
priorityClassName: high
extraEnv: [{name: GODEBUG, value: x}]
extraVolumes: [{name: local, emptyDir: {}}]
extraVolumeMounts: [{name: local, mountPath: /photos}]
imagePullSecrets: [{name: registry}]
`, "ConfigMap HorizontalPodAutoscaler Ingress NetworkPolicy PodDisruptionBudget Service Service ServiceAccount" +
		" ServiceMonitor StatefulSet"},
	"TLS": {`
secret: {name: pictor, files: {key-file: key, salt-file: salt, admin-token-file: admin-token, tls-cert: tls.crt, tls-key: tls.key}}
podDisruptionBudget: {enabled: false}
`, "ConfigMap Deployment Service Service ServiceAccount"},
	"own account": {`
secret: {name: pictor}
serviceAccount: {name: mine}
podDisruptionBudget: {enabled: false}
autoscaling:
  enabled: true
  metrics: [{type: Pods, pods: {metric: {name: waiting}, target: {type: AverageValue, averageValue: "1"}}}]
`, "ConfigMap Deployment HorizontalPodAutoscaler Service Service"},
}

// Each form of the chart is taken by the API of Kubernetes, and its settings by pictor.
func TestChart(t *testing.T) {
	if _, err := os.Stat(filepath.Join(chartPrograms, "helm")); err != nil {
		t.Skip("helm is not built: make chart-check builds it and runs this test")
	}
	for name, c := range chartForms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(values, []byte(c.values), 0o600); err != nil {
				t.Fatal(err)
			}
			runChart(t, nil, "helm", "lint", "--strict", "--kube-version", oldest, helmChart, "-f", values)
			rendered := runChart(t, nil, "helm", "template", "images", helmChart, "-f", values,
				"--kube-version", oldest, "--api-versions", "monitoring.coreos.com/v1")
			var kinds []string
			for line := range strings.Lines(string(runChart(t, rendered, "manifests"))) {
				kinds = append(kinds, strings.Fields(line)[1])
			}
			slices.Sort(kinds)
			if got := strings.Join(kinds, " "); got != c.kinds {
				t.Errorf("made %s, want %s", got, c.kinds)
			}
			checkRendered(t, documents(t, rendered))
		})
	}
	t.Run("no secret", func(t *testing.T) {
		out, err := exec.Command(filepath.Join(chartPrograms, "helm"), "template", "images", helmChart,
			"--kube-version", oldest).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "secret.name is empty") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// documents are the objects of a rendered chart by their kinds.
func documents(t *testing.T, rendered []byte) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	decoder := yaml.NewDecoder(bytes.NewReader(rendered))
	for {
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			return found // the API's decoder has read it all before
		}
		if kind, ok := object["kind"].(string); ok {
			found[kind] = object
		}
	}
}

// field is what a path of names and indexes leads to.
func field[T any](t *testing.T, object any, path ...any) (value T) {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := object.(map[string]any)
			object = m[step]
		case int:
			l, _ := object.([]any)
			if step >= len(l) {
				t.Fatalf("%v: no item %d", path, step)
			}
			object = l[step]
		}
	}
	value, ok := object.(T)
	if !ok {
		t.Fatalf("%v is %#v", path, object)
	}
	return value
}

// What must agree with pictor: settings, secrets, ports, paths of probes, and the time to end.
func checkRendered(t *testing.T, objects map[string]map[string]any) {
	t.Helper()
	dir := t.TempDir()
	settings := field[string](t, objects["ConfigMap"], "data", "pictor.yaml")
	settings = strings.ReplaceAll(settings, "/var/lib/pictor", dir)
	settings = strings.ReplaceAll(settings, "/etc/pictor/secrets", dir)
	cert := newCertificate(t, dir, "tls", time.Now().Add(100*24*time.Hour))
	if err := errors.Join(os.Rename(cert.cert, filepath.Join(dir, "tls.crt")),
		os.Rename(cert.key, filepath.Join(dir, "tls.key"))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"key": keyHex, "salt": saltHex, "admin-token": "secret", "admin": "a",
		"metrics": "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "pictor.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, said, code := pictor(t, nil, "config", "--config", file); code != 0 || strings.Contains(said, "ignored") {
		t.Errorf("exit code %d: %s\n%s", code, said, settings)
	}
	servers := objects["Deployment"]
	if servers == nil {
		servers = objects["StatefulSet"]
	}
	pod := field[map[string]any](t, servers, "spec", "template", "spec")
	container := field[map[string]any](t, pod, "containers", 0)
	for probe, path := range map[string]string{"readinessProbe": "/health/ready", "livenessProbe": "/health/live",
		"startupProbe": "/health/live"} {
		if got := field[string](t, container, probe, "httpGet", "path"); got != path {
			t.Errorf("%s asks for %s", probe, got)
		}
		scheme := map[bool]string{false: "HTTP", true: "HTTPS"}[strings.Contains(settings, "\ntls-cert: ")]
		if got := field[string](t, container, probe, "httpGet", "scheme"); got != scheme {
			t.Errorf("%s asks by %s", probe, got)
		}
	}
	var read struct {
		RequestTimeout string `yaml:"request-timeout"`
	}
	if err := yaml.Unmarshal([]byte(settings), &read); err != nil {
		t.Fatal(err)
	}
	longest, err := time.ParseDuration(read.RequestTimeout)
	if err != nil {
		t.Fatal(err)
	}
	delay := field[int](t, container, "lifecycle", "preStop", "sleep", "seconds")
	grace := field[int](t, pod, "terminationGracePeriodSeconds")
	if end := longest + time.Duration(delay+10)*time.Second; time.Duration(grace)*time.Second < end {
		t.Errorf("killed after %d s, when it may take %s", grace, end)
	}
	checkConfined(t, pod, container)
}

// The pod is what the strictest of the Pod Security Standards asks for, restricted.
func checkConfined(t *testing.T, pod, container map[string]any) {
	t.Helper()
	if !field[bool](t, pod, "securityContext", "runAsNonRoot") ||
		field[string](t, pod, "securityContext", "seccompProfile", "type") != "RuntimeDefault" ||
		field[bool](t, container, "securityContext", "allowPrivilegeEscalation") ||
		!field[bool](t, container, "securityContext", "readOnlyRootFilesystem") ||
		field[string](t, container, "securityContext", "capabilities", "drop", 0) != "ALL" ||
		field[bool](t, pod, "automountServiceAccountToken") {
		t.Errorf("%v, %v", pod["securityContext"], container["securityContext"])
	}
	dockerfile, err := os.ReadFile("../../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	user := strconv.Itoa(field[int](t, pod, "securityContext", "runAsUser"))
	if !strings.Contains(string(dockerfile), user) {
		t.Errorf("the image is not for user %s", user)
	}
	if field[string](t, container, "resources", "limits", "memory") == "" {
		t.Error("no memory limit")
	}
}
