package memory

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report for people, in MiB.
func (m Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, cells ...any) {
		// The name is on the left: the table aligns to the right.
		fmt.Fprintf(t, "%-44s\t", "  "+name)
		for _, c := range cells {
			if n, ok := c.(int64); ok {
				c = fmt.Sprintf("%.1f", float64(n)/(1<<20))
			}
			fmt.Fprintf(t, "%v\t", c)
		}
		fmt.Fprintln(t)
	}
	head := func(title string, columns ...any) {
		t.Flush()
		fmt.Fprintf(&b, "\n%s\n", title)
		if len(columns) > 0 {
			row("", columns...)
		}
	}
	fmt.Fprintf(&b, "memory in MiB; limit %.1f (%s)\n", float64(m.Limit)/(1<<20), m.LimitFrom)
	if m.Problem != "" {
		fmt.Fprintln(&b, m.Problem)
	}
	head("in use")
	for _, p := range m.Parts {
		row(p.Name, p.Bytes)
	}
	row("sum", m.Sum)
	row("total, as the kernel counts", m.Total)
	head("plan")
	for _, p := range m.Plan {
		row(p.Name, p.Bytes)
	}
	m.writeBudgets(head, row)
	head("processes", "anonymous", "files", "shared", "jobs", "reserved", "really")
	for _, p := range m.Processes {
		row(fmt.Sprintf("%s %d", p.Kind, p.PID), p.Anon, p.File, p.Shmem, p.Jobs, p.Reserved, p.Real)
	}
	head("Go's heap", "in use", "idle", "released", "stacks", "runtime", "limit")
	row("", m.Heap.InUse, m.Heap.Idle, m.Heap.Released, m.Heap.Stacks, m.Heap.Runtime, m.Heap.Limit)
	if g := m.Cgroup; g != nil {
		head(fmt.Sprintf("cgroup, version %d", g.Version), "anonymous", "shared", "page cache", "OOM kills")
		row("", g.Anon, g.Shmem, g.File, fmt.Sprint(g.OOMKills))
	}
	t.Flush()
	fmt.Fprintf(&b,
		"\npressure: level %.2f, %.1f in use of %.1f, of which %.1f by other programs; tightened %d times\n",
		m.Pressure.Level, float64(m.Pressure.Real)/(1<<20), float64(m.Pressure.High)/(1<<20),
		float64(m.Pressure.Others)/(1<<20), m.Pressure.Tightened)
	for _, l := range m.Sandbox {
		on := map[bool]string{true: "on", false: "off"}[l.On]
		fmt.Fprintf(&b, "sandbox of workers: %s %s %s\n", l.Name, on, l.Detail)
	}
	fmt.Fprintf(&b, "clients: %d; open sources: %d\n", m.Clients, m.Sources.Count)
	_, err := io.WriteString(w, b.String())
	return err
}

func (m Report) writeBudgets(head func(string, ...any), row func(string, ...any)) {
	head("dealt out", "in use", "of", "peak", "waiting", "for", "shed")
	for _, a := range m.Accounts {
		if a.Name == "fetches" || a.Name == "workers" || a.Name == "alone" {
			row(a.Name+" (number)", fmt.Sprint(a.InUse), fmt.Sprint(a.Capacity), fmt.Sprint(a.Peak),
				a.Waiting, fmt.Sprint(a.WaitingBytes), a.Shed)
			continue
		}
		row(a.Name, a.InUse, a.Capacity, a.Peak, a.Waiting, a.WaitingBytes, a.Shed)
	}
	row("spare, for each worker", "", m.Transforms.Spare)
	row("cache", m.Cache.Bytes, m.Cache.Max, "", "", m.Cache.Pending, "")
}
