package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"400MB": 4e8, "3.2GB": 32e8, "1MiB": 1 << 20, "1.5GiB": 3 << 29} {
		var n int64
		if err := bytesInto(&n)(text); err != nil || n != want {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "MB", "-1MB", "0GB", "NaNMB", "InfGB", "12", "1e30GB"} {
		n := int64(7)
		if err := bytesInto(&n)(text); err == nil || n != 7 {
			t.Errorf("%q is %d", text, n)
		}
	}
}

// Memory is returned to the system by debug.FreeOSMemory.
func TestFreeOSMemoryGivesBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc here")
	}
	program := filepath.Join(t.TempDir(), "heap")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	out, err := exec.Command(program, "-size", "100MB", "-times", "2", "-watch", "1s", "-free").Output()
	if err != nil {
		t.Fatal(err)
	}
	row := strings.Split(strings.Split(rows([]setting{{name: "x"}}, []string{string(out)})[1], " | ")[1], " ")
	peak, err := strconv.Atoi(row[0])
	if err != nil || peak < 100 {
		t.Errorf("a peak of %v MB, %v\n%s", row, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 13 && f[0] == "1s" {
			if rss, err := strconv.Atoi(f[7]); err != nil || rss > 30 {
				t.Errorf("%s MB are still resident, %v", f[7], err)
			}
			return
		}
	}
	t.Errorf("no line for the first second in\n%s", out)
}
