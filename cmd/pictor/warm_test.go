package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
)

// All that is named is sent once, in its order, in requests that a server takes.
func TestBatchesHaveAllThatIsNamed(t *testing.T) {
	var list strings.Builder
	var want []string
	for i := range 1234 {
		fmt.Fprintf(&list, "\n# number %d\n  /s/w:%d/x\r\n", i, i)
		want = append(want, fmt.Sprintf("/s/w:%d/x", i))
	}
	for range 20 {
		want = append(want, "/s/"+strings.Repeat("a", batchBytes/4))
		fmt.Fprintln(&list, want[len(want)-1])
	}
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte("/last"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := &warmCmd{URL: []string{"/first", "-", "/second"}, List: file, Source: make([]string, 99),
		Widths: []int{1, 2, 3}, Formats: []string{"webp", "jpg"}, Options: "q:80", Accept: []string{"image/webp"}}
	want = append(append([]string{"/first"}, want...), "/second", "/last")
	var got []string
	sources := 0
	for ask, err := range cmd.batches(strings.NewReader(list.String())) {
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, u := range ask.URLs {
			size += len(u)
		}
		n := len(ask.URLs) + 6*len(ask.Sources)
		if n == 0 || n > batchURLs || size > batchBytes || len(ask.Accept) != 1 {
			t.Errorf("a batch of %d URLs and %d bytes", n, size)
		}
		if len(ask.Sources) > 0 != (ask.Options != "") || len(ask.URLs) > 0 && len(ask.Widths) > 0 {
			t.Errorf("%d sources with %q and %v", len(ask.Sources), ask.Options, ask.Widths)
		}
		got = append(got, ask.URLs...)
		sources += len(ask.Sources)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || sources != 99 {
		t.Errorf("%d URLs of %d, %d sources of 99", len(got), len(want), sources)
	}
}

func TestListsThatCannotBeRead(t *testing.T) {
	long := strings.Repeat("a", batchBytes+1)
	for name, tc := range map[string]struct {
		cmd  warmCmd
		in   string
		want string
	}{
		"no file":          {warmCmd{List: "/nonexistent/list"}, "", "--list: open /nonexistent/list"},
		"a line too long":  {warmCmd{URL: []string{"-"}}, "/a\n" + long, "line 2 of the list"},
		"also by its name": {warmCmd{List: "-"}, long, "line 1 of the list"},
	} {
		var failed error
		for _, err := range tc.cmd.batches(strings.NewReader(tc.in)) {
			failed = errors.Join(failed, err)
		}
		if failed == nil || !strings.Contains(failed.Error(), tc.want) {
			t.Errorf("%s: %v", name, failed)
		}
	}
}

// What is printed where, without a terminal, with one, and as JSON.
func TestWarmPrinter(t *testing.T) {
	lines := []proxy.WarmLine{
		{URL: "/a", Accept: "image/webp", Status: proxy.StatusWarmed, Bytes: 1500, Milliseconds: 7},
		{Status: proxy.StatusWaiting, WarmTotals: &proxy.WarmTotals{}},
		{Status: proxy.StatusWaiting, WarmTotals: &proxy.WarmTotals{}},
		{URL: "/b?c&d", Status: proxy.StatusFailed, Code: "shed", Error: "No room."},
		{URL: "/c", Status: proxy.StatusAlready, Bytes: 100},
	}
	const sums = "1 warmed (1.5 kB) in "
	for name, tc := range map[string]struct {
		printer  warmPrinter
		out, err string
	}{
		"plain": {warmPrinter{lines: true},
			"warmed     1.5 kB     7 ms  /a (image/webp)\nalready    0.1 kB     0 ms  /c\n" + sums,
			"pictor: waiting, as the server is busy with requests of its clients\npictor: /b?c&d: shed: No room.\n"},
		"terminal": {warmPrinter{counter: true}, sums, "\r\x1b[K1 warmed, 0 already, 0 failed" +
			strings.Repeat("\r\x1b[K1 warmed, 0 already, 0 failed; waiting for requests of clients", 2) +
			"\r\x1b[Kpictor: /b?c&d: shed: No room.\n\r\x1b[K1 warmed, 0 already, 1 failed" +
			"\r\x1b[K1 warmed, 1 already, 1 failed\r\x1b[K"},
		"JSON": {warmPrinter{asJSON: true, counter: true}, `{"url":"/a","accept":"image/webp","status":"warmed","bytes":1500,"ms":7}
{"url":"/b?c&d","status":"failed","code":"shed","error":"No room.","ms":0}
{"url":"/c","status":"already","bytes":100,"ms":0}
{"status":"done","bytes":1500,"ms":`, ""},
	} {
		var out, errs bytes.Buffer
		p := &tc.printer
		p.out, p.err = &out, &errs
		for _, l := range lines {
			p.printLine(l)
		}
		p.printEnd(true)
		printed := out.String()
		if !strings.HasPrefix(printed, tc.out) || strings.Count(printed, "\n") != strings.Count(tc.out, "\n")+1 {
			t.Errorf("%s: %q, want %q", name, printed, tc.out)
		}
		if errs.String() != tc.err {
			t.Errorf("%s: on standard error %q, want %q", name, &errs, tc.err)
		}
		if p.images() != 3 {
			t.Errorf("%s: %d images", name, p.images())
		}
	}
}
