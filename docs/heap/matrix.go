package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// setting is one row of the table.
type setting struct {
	name string
	env  []string
	args []string
}

func settings(size int64) []setting {
	mb := func(n int64) string { return fmt.Sprintf("%dMB", n/1e6) }
	limit := func(n int64) string { return fmt.Sprintf("GOMEMLIMIT=%dMiB", n>>20) }
	tight := []string{"-limit", mb(size*2 + 100e6)}
	press := append(append([]string{}, tight...), "-press", mb(size*3/2))
	lazy := "GODEBUG=madvdontneed=0"
	return []setting{
		{name: "defaults"},
		{name: "`GOGC=50`", env: []string{"GOGC=50"}},
		{name: "`GOGC=400`", env: []string{"GOGC=400"}},
		{name: "`GOMEMLIMIT` of half an array", env: []string{limit(size / 2)}},
		{name: "`GOMEMLIMIT` of three arrays", env: []string{limit(size * 3)}},
		{name: "`GOGC=off`, `GOMEMLIMIT` of three arrays", env: []string{"GOGC=off", limit(size * 3)}},
		{name: "`debug.FreeOSMemory`", args: []string{"-free"}},
		{name: "`madvdontneed=0`", env: []string{lazy}},
		{name: "`madvdontneed=0`, `debug.FreeOSMemory`", env: []string{lazy},
			args: append([]string{"-free"}, tight...)},
		{name: "the same, and another process needs memory", env: []string{lazy},
			args: append([]string{"-free"}, press...)},
	}
}

// runMatrix runs all settings, each in a process. The processes work one after
// the other, so that they do not compete, and are watched at the same time.
func runMatrix(o options, w io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	list := settings(o.size)
	tables := make([]string, len(list))
	for i, s := range list {
		args := []string{"-size", fmt.Sprintf("%dMB", o.size/1e6), "-times", fmt.Sprint(o.times), "-watch",
			o.watch.String()}
		cmd := exec.Command(self, append(args, s.args...)...)
		cmd.Env = append(os.Environ(), s.env...)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		worked := make(chan struct{})
		wg.Go(func() {
			once := sync.OnceFunc(func() { close(worked) })
			defer once()
			for lines := bufio.NewScanner(out); lines.Scan(); {
				tables[i] += lines.Text() + "\n"
				if strings.HasPrefix(lines.Text(), "after") {
					once()
				}
			}
			if err := cmd.Wait(); err != nil {
				tables[i] = ""
				fmt.Fprintf(os.Stderr, "heap: %s: %v\n", s.name, err)
			}
		})
		<-worked
	}
	wg.Wait()
	for i, line := range rows(list, tables) {
		if i == 0 {
			fmt.Fprintln(w, line)
			fmt.Fprintln(w, strings.Repeat("|---", strings.Count(line, "|")-1)+"|")
			continue
		}
		fmt.Fprintln(w, line)
	}
	return nil
}

// shown are the moments that the table has columns for.
var shown = []string{"0s", "15s", "45s", "1m0s", "2m0s", "3m0s", "5m0s"}

// rows makes the table: a header, then one row of RSS for each setting, from
// the output of its process.
func rows(list []setting, tables []string) []string {
	out := []string{"| RSS in MB | peak | " + strings.Join(shown, " | ") + " | released at the end |"}
	for i, s := range list {
		at := map[string]string{}
		peak, released := "", ""
		for line := range strings.Lines(tables[i]) {
			// The time, then pairs of number and unit: in use, idle,
			// released, RSS, lazy, peak.
			f := strings.Fields(line)
			if len(f) != 13 || f[2] != "MB" {
				continue
			}
			at[f[0]] = f[7]
			released, peak = f[5], f[11]
		}
		cells := []string{s.name, peak}
		for _, m := range shown {
			cells = append(cells, at[m])
		}
		out = append(out, "| "+strings.Join(append(cells, released), " | ")+" |")
	}
	return out
}
