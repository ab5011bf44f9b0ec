package house

import (
	"go/ast"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// parsers are the functions that read bytes of others: of clients, origins,
// operators, workers, the kernel and the disk. A fuzz target of their package
// calls each of them, so a new one needs a row here and a target there.
var parsers = map[string][]string{
	"cache":             {"decodeHeader", "EntryOf", "ReadHotKeys"},
	"cache/diskstore":   {"get", "ReadRecord", "CopyRecord"},                          // a record
	"cache/purge":       {"open", "parseCheckpoint", "decodeNotice", "parsePosition"}, // a log
	"cache/redisclient": {"check"},                                                    // what Redis replies
	"cmd/pictor":        {"starts", "verdictOf", "explainLog"},
	"config":            {"UnmarshalText", "parseDuration", "parseFile", "Load", "Pairs", "readTable"},
	"proxy": {"keysOf", "Admin", "weightOf", "plainCondition", "negotiateFormat", "requestID", "traceID", "ServeHTTP",
		"contentDisposition", "decode", "hearStrike"},
	"proxy/facts":     {"ReadPixels", "read"},
	"proxy/hidden":    {"Open", "parseRecord"}, // a log
	"proxy/imaginary": {"Verify", "Parse", "ParseUpload"},
	"proxy/memstat":   {"parseStatus", "parseRollup", "parseCgroup", "parseFigures"},
	"proxy/origin": {"resolve", "Check", "Identity", "Prefix", "parseFreshness", "completeRange", "appliedCodings",
		"tagsOf", "redirectTarget", "keep", "metaOf", "wholeSize", "statusError", "matchesETag"},
	"proxy/signedurl": {"Parse", "ParseUpload", "ParseInfo", "ParseInfoUnderRules", "ParseUnderRules", "CutChoice",
		"Candidates", "Verify", "Diagnose", "DiagnoseChoice", "decryptSource", "Repair"},
	"proxy/sources":    {"decodeMeta", "decodeShared"},
	"proxy/cloudflare": {"Parse", "OnError"},
	"proxy/memory":     {"received", "sent"}, // frames of HTTP/2
	"proxy/nextjs":     {"Parse"},
	"proxy/thumbor":    {"Verify", "Parse"},
	"proxy/upload":     {"CopyTo"},
	"transform/bitmap": {"Read", "ReadIcon"},
	"transform/container": {"Sniff", "SniffPage", "SniffPages", "exifOrientation", "Strip", "StripWebP", "CopyrightXMP",
		"CopyrightIPTC", "UprightXMP", "KeptXMP", "DrawableSVG", "pngColour", "profileFits", "pngProfile", "NewRepair", "FindBlocks", "unpackProfile", "ProfileName", "EXIFTags",
		"NewPNGRepair", "av1Sequences", "ListGIF", "ListWebP", "readJXLImage"},
	"transform/worker": {"readFrame", "handleResponse", "cleanMappings", "parseFigures"},
}

// fuzzTargets are all that there are, by the directory of their package, each with
// the names of what it calls.
func fuzzTargets(t *testing.T) map[string]map[string][]string {
	t.Helper()
	targets := map[string]map[string][]string{}
	sources(t, func(path string, file *ast.File, _ *token.FileSet) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Fuzz") || !strings.HasSuffix(path, "_test.go") {
				continue
			}
			var calls []string
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					calls = append(calls, n.Sel.Name)
				case *ast.Ident:
					calls = append(calls, n.Name)
				}
				return true
			})
			dir, _ := filepath.Rel(".", filepath.Dir(path))
			if targets[dir] == nil {
				targets[dir] = map[string][]string{}
			}
			targets[dir][f.Name.Name] = calls
		}
	})
	return targets
}

// make fuzz finds every fuzz target by itself: here with a go that only writes
// down what it is told.
func TestMakeFuzzRunsEveryTarget(t *testing.T) {
	told := filepath.Join(t.TempDir(), "told")
	stub := filepath.Join(t.TempDir(), "go")
	if err := os.WriteFile(stub, []byte("#!/bin/sh\necho \"$@\" >>"+told+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil || !strings.Contains(string(makefile), "\nfuzz: setup") ||
		!strings.Contains(string(makefile), " .ci/fuzz\n") {
		t.Fatal("make fuzz does not run .ci/fuzz: ", err)
	}
	cmd := exec.Command("bash", ".ci/fuzz")
	cmd.Env = append(os.Environ(), "GO="+stub, "FUZZTIME=7s")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for dir, targets := range fuzzTargets(t) {
		for name := range targets {
			want = append(want, "test -run ^$ -fuzz ^"+name+"$ -fuzztime 7s ./"+dir)
		}
	}
	got := strings.Split(strings.TrimSpace(string(b)), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(want) < 40 {
		t.Errorf("make fuzz runs\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryParserHasAFuzzTarget(t *testing.T) {
	targets := fuzzTargets(t)
	for dir, names := range parsers {
		calls := slices.Concat(slices.Collect(maps.Values(targets[dir]))...)
		for _, name := range names {
			if !slices.Contains(calls, name) {
				t.Errorf("no fuzz target of %s calls %s", dir, name)
			}
		}
	}
	for dir := range targets {
		if parsers[dir] == nil {
			t.Errorf("%s has fuzz targets and no row", dir)
		}
	}
}
