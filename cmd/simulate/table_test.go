package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// One command puts tables and charts into the documentation.
func TestDocsAreWritten(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "scaling.md")
	const before, after = "# Several servers\n\n", "\n\nAfter it.\n"
	if err := os.WriteFile(page, []byte(before+tablesBegin+"old\n"+tablesEnd+after), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-requests", "2000", "-images", "500", "-servers", "1,2", "-write", dir}
	if err := run(args, os.Stdout); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(page)
	text := string(b)
	if err != nil || !strings.HasPrefix(text, before) || !strings.HasSuffix(text, after) ||
		strings.Contains(text, "old\n") {
		t.Fatalf("%v\n%s", err, text)
	}
	if n := strings.Count(text, "\n| 1 | ") + strings.Count(text, "\n| 2 | "); n != 12 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	for _, name := range []string{"scaling-hits.svg", "scaling-work.svg"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var picture struct {
			Texts []string   `xml:"text"`
			Lines []struct{} `xml:"polyline"`
		}
		if err := xml.Unmarshal(b, &picture); err != nil || len(picture.Lines) != 6 ||
			!slices.Contains(picture.Texts, string(hashed)) {
			t.Errorf("%s: %v, %+v", name, err, picture)
		}
	}
}

func TestFiguresAsJSON(t *testing.T) {
	var out strings.Builder
	trace := filepath.Join(t.TempDir(), "trace")
	if err := run([]string{"-requests", "500", "-images", "100", "-servers", "3", "-balance", "random; hashed",
		"-warm", "0", "-json", "-trace", trace}, &out); err != nil {
		t.Fatal(err)
	}
	var all []figures
	if err := json.Unmarshal([]byte(out.String()), &all); err != nil || len(all) != 2 || all[0].Requests != 500 ||
		all[1].Balancing != unbounded || all[0].Fetches == 0 || all[0].Bucket.Transforms == 0 {
		t.Errorf("%v, %+v", err, all)
	}
	b, err := os.ReadFile(trace)
	if n := strings.Count(string(b), "\n"); err != nil || n-strings.Count(string(b), "purge") != 500 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// The page has the tables of all that the command simulates by default.
func TestPageHasTheTables(t *testing.T) {
	page, err := os.ReadFile("../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), tablesBegin)
	text, _, found := strings.Cut(rest, tablesEnd)
	o, err := parseOptions(nil)
	if err != nil || !found {
		t.Fatal("no tables: ", err)
	}
	all := make([]figures, 0, len(o.servers)*len(o.balancing))
	for _, servers := range o.servers {
		for _, kind := range o.balancing {
			all = append(all, figures{Servers: servers, Balancing: kind})
		}
	}
	names := func(text string) (found []string) {
		for line := range strings.SplitSeq(text, "\n") {
			if cells := strings.Split(line, "|"); len(cells) > 3 {
				found = append(found, cells[1]+cells[2])
			}
		}
		return found
	}
	if got, want := names(text), names(tables(all)); !slices.Equal(got, want) {
		t.Errorf("lines %q\nwant %q", got, want)
	}
}
