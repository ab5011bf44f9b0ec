package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const observability = root + "/docs/observability/"

// recording is scrapes of one server, which stand for one a minute.
type recording struct {
	server  *server
	scrapes []map[string]float64
	// glimpses are scrapes in the midst of a load, which stand for no minute.
	glimpses []map[string]float64
	// began is when the first of the scrapes was made, in seconds since 1970.
	began int64
}

// scrape adds what the server says now.
func (r *recording) scrape() {
	r.server.t.Helper()
	if len(r.scrapes) == 0 {
		r.began = time.Now().Unix()
	}
	r.scrapes = append(r.scrapes, seriesIn(r.server.t, r.server.metrics()))
}

// promtoolTest is a test of promtool in which exactly these alerts fire at the end of the recording.
func (r *recording) promtoolTest(name string, want []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n    interval: 1m\n    input_series:\n", name)
	seen := map[string]bool{}
	for _, scrape := range r.scrapes {
		for series := range scrape {
			seen[series] = true
		}
	}
	for _, series := range slices.Sorted(maps.Keys(seen)) {
		var values []string
		for _, scrape := range r.scrapes {
			text := "_"
			if v, ok := scrape[series]; ok {
				if strings.HasSuffix(series, "_timestamp_seconds") {
					v -= float64(r.began) // to promtool the recording begins in 1970
				}
				text = strconv.FormatFloat(v, 'f', -1, 64)
			}
			values = append(values, text)
		}
		series = strings.ReplaceAll(series, "'", "''") // as YAML has it
		fmt.Fprintf(&b, "      - {series: '%s', values: '%s'}\n", withInstance(series), strings.Join(values, " "))
	}
	fmt.Fprintf(&b, "      - {series: 'up{job=\"pictor\",instance=\"a\"}', values: '1x%d'}\n", len(r.scrapes))
	fmt.Fprintf(&b, "    promql_expr_test:\n      - expr: group by (alertname) (ALERTS{alertstate=\"firing\"})\n"+
		"        eval_time: %dm\n        exp_samples:", len(r.scrapes)-1)
	if len(want) == 0 {
		b.WriteString(" []")
	}
	b.WriteString("\n")
	for _, alert := range want {
		fmt.Fprintf(&b, "          - {labels: '{alertname=\"%s\"}', value: 1}\n", alert)
	}
	return b.String()
}

// withInstance adds the labels that Prometheus adds.
func withInstance(series string) string {
	name, labels, ok := strings.Cut(series, "{")
	if !ok {
		return name + `{job="pictor",instance="a"}`
	}
	return name + `{job="pictor",instance="a",` + labels
}

// runRules has promtool run the alerts over recordings.
func runRules(t *testing.T, tests string) {
	t.Helper()
	rules, err := filepath.Abs(observability + "alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tests.yaml")
	text := "rule_files: ['" + rules + "']\nevaluation_interval: 1m\ntests:\n" + tests
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

var metricName = regexp.MustCompile(`\bpictor_[a-z0-9_]+`)

// namedMetrics are the metrics that the dashboard and the alerts name.
func namedMetrics(t testing.TB) (names []string) {
	t.Helper()
	for _, file := range []string{"dashboard.json", "alerts.yaml"} {
		b, err := os.ReadFile(observability + file)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, metricName.FindAllString(string(b), -1)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The rules and the dashboard can be read, each alert has a section of the runbook and fires for what it is for.
func TestAlertsAndDashboardAreWhole(t *testing.T) {
	rules, err := os.ReadFile(observability + "alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	runbook, err := os.ReadFile(root + "/docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	sections := regexp.MustCompile(`(?m)^## (Pictor\w+)$`).FindAllStringSubmatch(string(runbook), -1)
	if len(alerts) == 0 || len(alerts) != len(sections) {
		t.Errorf("%d alerts, %d sections", len(alerts), len(sections))
	}
	tests, err := os.ReadFile(observability + "alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range alerts {
		if !strings.Contains(string(runbook), "\n## "+m[1]+"\n") {
			t.Errorf("the runbook has no section %s", m[1])
		}
		if !strings.Contains(string(rules), "/docs/runbook.md#"+strings.ToLower(m[1])+"\n") {
			t.Errorf("%s has no link to its section", m[1])
		}
		if !strings.Contains(string(tests), `alertname="`+m[1]+`"`) {
			t.Errorf("nothing shows that %s fires", m[1])
		}
	}
	for _, text := range []string{"summary: ", "description: ", "runbook_url: ", "severity: "} {
		if n := strings.Count(string(rules), text); n != len(alerts) {
			t.Errorf("%d times %q", n, text)
		}
	}
	checkDashboard(t)
	needs(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		cmd := exec.Command("promtool", args...)
		cmd.Dir = observability
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// checkDashboard looks for what Grafana needs of each panel, and for the rows.
func checkDashboard(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(observability + "dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title, UID    string
		SchemaVersion int
		Panels        []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	if board.Title == "" || board.UID == "" || board.SchemaVersion < 36 { // of Grafana 9
		t.Errorf("%+v", board)
	}
	ids, rows := map[int]bool{}, []string{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.GridPos.W == 0 || p.GridPos.H == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q has no place of its own", p.Title)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			rows = append(rows, p.Title)
		} else if len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
	}
	want := []string{"Traffic", "Latency", "Cache", "Budget and memory", "Workers", "Origins", "Cluster",
		"Shared results", "Traces and logs", "Settings and TLS"}
	if !slices.Equal(rows, want) {
		t.Errorf("the rows are %q", rows)
	}
}
