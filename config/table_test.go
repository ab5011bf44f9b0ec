package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// tableEntry has a field of each kind.
type tableEntry struct {
	Store   string            `yaml:"store"`
	Key     Secret            `yaml:"key"`
	Size    Bytes             `yaml:"size"`
	Timeout time.Duration     `yaml:"timeout"`
	Allowed []string          `yaml:"allowed"`
	Count   int               `yaml:"count"`
	On      bool              `yaml:"on"`
	Headers map[string]Secret `yaml:"headers"`
}

func TestTableReadsEntries(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]map[string]tableEntry{
		"":   {},
		"{}": {},
		"{a: {store: s3, key: k, size: 1KiB, timeout: 5s, allowed: [x, y], count: 3, on: true, headers: {A: b}}}": {
			"a": {Store: "s3", Key: "k", Size: 1024, Timeout: 5 * time.Second, Allowed: []string{"x", "y"}, Count: 3,
				On: true, Headers: map[string]Secret{"A": "b"}},
		},
		"a: {allowed: 'x, y'}\nb: {store: 7, key: ~}": {"a": {Allowed: []string{"x", "y"}}, "b": {Store: "7"}},
		"a: {key-file: " + file + "}":                 {"a": {Key: "from a file"}},
		"a: {}":                                       {"a": {}},
	} {
		var table Table
		if err := table.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := readTable[tableEntry]("--t", table); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestTableNamesWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"a":                              "line 1: the value must be entries with fields",
		"[a]":                            "line 1: the value must be entries with fields",
		"a: b":                           `line 1: entry "a": the value must be entries with fields`,
		"a: {}\na: {}":                   `line 2: entry "a" is there twice`,
		"a: {stor: s3}":                  `--t: entry "a": line 1: stor: there is no such field; did you mean "store"?`,
		"a: {zzzzzzzz: 1}":               "there are allowed, count, headers, key",
		"a:\n  store: x\n  store: y":     `entry "a": line 3: store: store is set twice`,
		"a: {key: hush, key-file: /x}":   "both key and key-file are set: keep one",
		"a: {key-file: /nowhere}":        "/nowhere",
		"a: {store-file: /x}":            "there is no such field",
		"a: {count: hush}":               "line 1: count: the value does not fit; it must be a number",
		"a: {timeout: hush}":             "it must be a duration like 5s",
		"a: {on: hush}":                  "it must be true or false",
		"a: {key: [hush]}":               "it must be a text",
		"a: {headers: hush}":             "it must be a mapping",
		"a: {size: 1m}":                  "could mean two things",
		"a: &x {store: s3}\nb: *x":       `entry "b": the value must be entries with fields`,
		"a: {store: &x s3, key: *x}":     "cannot hold an alias",
		"'': {}":                         "the name of an entry must be a text without commas",
		"'a,b': {}":                      "the name of an entry must be a text without commas",
		"a: {store: s3":                  "line 1: did not find",
		"a: {headers: {A: b, A: c}}":     "headers: a name is there twice",
		"a: {}\n---\nb: {}":              "more than one YAML document",
		"a: {count: 1, size: 2, on: no}": "",
	} {
		var table Table
		err := table.UnmarshalText([]byte(text))
		if err == nil {
			_, err = readTable[tableEntry]("--t", table)
		}
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %s", text, err, want)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%q: the error %v has the value", text, err)
		}
	}
}

// A table of a file keeps its lines, so that errors name them.
func TestTableOfAFileHasItsLines(t *testing.T) {
	known := settings{"t": {name: "t", kind: reflect.TypeFor[Table]()}, "ttl": {name: "ttl"}}
	for text, want := range map[string]string{
		"ttl: 1h\nt:\n  a:\n    store: s3\n    wrong: 1\n":           "line 5: wrong",
		"# first\nt:\n\n  # an entry\n  a:\n    wrong: 1\nttl: 1h\n": "line 6: wrong",
		"ttl: 1h\nt: {a: {wrong: 1}}\n":                              "line 2: wrong",
		"{ttl: 1h, t: {a: {wrong: 1}}}":                              "line 1: wrong",
		"ttl: 1h\n? t\n: a: {wrong: 1}\n":                            "line 3: wrong",
		"ttl: 1h\nt: !!map\n  a: {wrong: 1}\n":                       "wrong",
		"t: '{a: {wrong: 1}}'\n":                                     "line 1: wrong",
		"  ttl: 1h\n  t:\n    a:\n      wrong: 1\n":                  "line 4: wrong",
		"t:\n  a:\n    store: s3\nttl: 1h\n":                         "",
		"t:\n  a:\n    store: |\n      several\n      lines\n...\n":  "",
		"t: ~\n":                             "",
		"ttl: 1h\nt:\n  - a\n":               "line 3: the value must be entries",
		"ttl: &x 1h\nt: *x\n":                "line 2: t: an entry of a table cannot hold an alias",
		"ttl: &x 1h\nt:\n  a: {store: *x}\n": "unknown anchor",
		"ttl: 1h\nt:\n  a: {store: s3}\n  b:\n    store: s3\n    x: 1": "line 6: x",
	} {
		values, err := parseFile([]byte(text), known)
		if err == nil {
			_, err = readTable[tableEntry]("--t", Table(values["t"].text))
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestTableIsNeverPrinted(t *testing.T) {
	table := Table("a: {key: hush}\nb: {}")
	if text, _ := table.MarshalText(); table.String() != "a,b" || string(text) != "a,b" {
		t.Errorf("%s, %s", table, text)
	}
}

// FuzzTable: whatever the text is, it is a table or an error, and what is one is read without a panic.
func FuzzTable(f *testing.F) {
	for _, s := range []string{"", "{}", "a: {store: s3, size: 1KiB}", "a: {headers: {A: b}}",
		"a: &x {b: *x}", "a: {? [b] : c}",
		"a: {<<: {store: s3}}", "a: {allowed: [[x]]}", "a: {timeout: 1e9}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var table Table
		if table.UnmarshalText([]byte(text)) == nil {
			readTable[tableEntry]("--t", table)
		}
		if values, err := parseFile([]byte("t:\n"+text), settings{"t": {kind: reflect.TypeFor[Table]()}}); err == nil {
			readTable[tableEntry]("--t", Table(values["t"].text))
		}
	})
}
