package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func tableOf(t testing.TB) settings {
	t.Helper()
	table, err := readSettings()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestFileGivesScalarsAndListsAsText(t *testing.T) {
	values, err := parseFile([]byte(`
# comment
listen: :9000
dev: on
workers: 0x2
ttl-min: 1_0
ttl:
ttl-max: ""
key: [aa, "bb"]
allow-networks:
  - &home 10.0.0.0/8
  - *home
  - 42
salt: *home
`), tableOf(t))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, value := range values {
		got[name] = value.text
	}
	want := map[string]string{
		"listen": ":9000", "dev": "on", "workers": "0x2", "ttl-min": "1_0", "key": "aa,bb",
		"allow-networks": "10.0.0.0/8,10.0.0.0/8,42", "salt": "10.0.0.0/8",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if values["key"].line != 9 {
		t.Errorf("key is on line 9, not %d", values["key"].line)
	}
}

func TestFileWithoutSettingsSetsNothing(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# only a comment\n", "---\n", "null", "{}", "--- ~\n"} {
		if values, err := parseFile([]byte(text), tableOf(t)); err != nil || len(values) != 0 {
			t.Errorf("%q: %v, %v", text, values, err)
		}
	}
}

func TestFileTakesPresetsAsAMapping(t *testing.T) {
	for text, want := range map[string]string{
		"presets: {card: \"rs:fill:300:200/q:80\"}":                    "card=rs:fill:300:200/q:80",
		"presets:\n  card: rs:fill:300:200/q:80\n  default: q:70\n":    "card=rs:fill:300:200/q:80,default=q:70",
		"presets:\n  card: &c rs:fit:5:5\n  same: *c\n":                "card=rs:fit:5:5,same=rs:fit:5:5",
		"presets: &p {card: w:1}\n":                                    "card=w:1",
		"presets: {}":                                                  "",
		"presets: card=rs:fill:300:200/q:80,small=w:100":               "card=rs:fill:300:200/q:80,small=w:100",
		"presets: [\"card=rs:fill:300:200\", \"small=w:100\"]":         "card=rs:fill:300:200,small=w:100",
		"presets: {wide: \"fq:jpeg:70:avif:40\", \" a b \": \"w:1 \"}": "wide=fq:jpeg:70:avif:40,a b=w:1",
	} {
		values, err := parseFile([]byte(text), tableOf(t))
		if err != nil || values["presets"].text != want {
			t.Errorf("%q: %q, %v; want %q", text, values["presets"].text, err, want)
			continue
		}
		if _, err := (&URLs{Presets: want}).PresetList(); err != nil {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestFileRefusesWhatIsNoSetting(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"tll: 1h", []string{`line 1: unknown setting "tll"`, `did you mean "ttl"?`}},
		{"\ncache_memory: off", []string{`line 2: unknown setting "cache_memory"`, `did you mean "cache-memory"?`}},
		{"quality: 80", []string{`unknown setting "quality"`}},
		{"quality: 80\nlistn: x", []string{`line 1: unknown setting "quality"`, `did you mean "listen"?`}},
		{"config: other.yaml", []string{"config cannot be set in the file itself"}},
		{"help: true", []string{`unknown setting "help"`}},
		{"ttl: 1h\nttl: 2h", []string{"line 2: ttl is set twice"}},
		{"ttl: {min: 1h}", []string{"ttl: a value must be"}},
		{"presets:\n  card: {rs: fill}", []string{"line 2: presets: an entry is a name and a text"}},
		{"presets:\n  card: [rs:fill, q:80]", []string{"line 2: presets: an entry is a name and a text"}},
		{"presets:\n  [a]: w:1", []string{"line 2: presets: an entry is a name and a text"}},
		{"presets:\n  card:", []string{`line 2: presets: entry "card" has no name or no text`}},
		{"presets: {\"\": w:1}", []string{"has no name"}},
		{"presets: {a=b: w:1}", []string{`name "a=b" cannot hold`}},
		{"presets: {\"a,b\": w:1}", []string{`name "a,b" cannot hold`}},
		{"presets:\n  card: w:1,h:2", []string{`line 2: presets: the text of "card" cannot hold a comma`, "--presets-file"}},
		{"presets-file: {card: w:1}", []string{"presets-file: a value must be"}},
		{"key: [[aa]]", []string{"key: a value must be"}},
		{"key: ['aa,bb']", []string{"cannot hold a comma"}},
		{"[1, 2]: x", []string{"a key must be the name"}},
		{"<<: {ttl: 1h}", []string{`unknown setting "<<"`}},
		{"- ttl", []string{"one setting per line"}},
		{"ttl", []string{"one setting per line"}},
		{"ttl: 1h\n---\nttl: 2h", []string{"more than one YAML document"}},
		{"ttl: [", []string{"line 1", "close the bracket"}},
		{strings.Repeat("x", 500) + ": 1", []string{"unknown setting"}},
	} {
		_, err := parseFile([]byte(c.text), tableOf(t))
		if err == nil {
			t.Errorf("%.40q is accepted", c.text)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%.40q: %.200v does not say %s", c.text, err, want)
			}
		}
	}
	if _, err := parseFile([]byte("quality: 1"), tableOf(t)); strings.Contains(err.Error(), "did you mean") {
		t.Errorf("nothing is near quality: %v", err)
	}
}

func TestFileLargerThanAMiBIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.yaml")
	line := "# filler\n"
	text := "ttl: 2h\n" + strings.Repeat(line, maxFile/len(line)-1)
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{text, true},
		{text + strings.Repeat("#", maxFile-len(text)), true},
		{text + strings.Repeat("#", maxFile-len(text)+1), false},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readFile(path, tableOf(t)); (err == nil) != c.ok {
			t.Errorf("%d bytes: %v", len(c.text), err)
		}
	}
}

func TestEverySettingIsAKeyOfTheFile(t *testing.T) {
	table := tableOf(t)
	for _, name := range []string{
		"listen", "dev", "key", "key-file", "salt", "salt-file", "signature-size", "insecure", "memory-limit",
		"workers", "cache-memory", "ttl", "ttl-min", "ttl-max", "allow-networks", "local-root", "max-source-size",
		"max-source-pixels", "max-frames", "max-output-side", "fetch-timeout", "fetch-first-byte-timeout", "request-timeout", "queue-wait",
		"log-format", "log-level",
	} {
		if !table.inFile(name) {
			t.Errorf("%s is missing", name)
		}
	}
	if table.inFile("config") || table.inFile("help") {
		t.Error("config and help are no keys of the file")
	}
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"listen: :9000\nkey: [aa, bb]\n", "a: &a [*a]\n", "ttl: *x", "? [a]\n: b", "---\n...\n---\n", "<<: *a", "key: !!binary aGk=",
		"key: &k aa\nsalt: *k\nallow-networks: [*k, *k]", "presets: {card: w:1, <<: *x}", "presets: &p {a: *p}", "{ttl: 1h, ttl: 1h}", "\xff\xfe", "[[[[[[[[",
	} {
		f.Add([]byte(seed))
	}
	table := tableOf(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := parseFile(data, table)
		if err != nil {
			if len(values) != 0 {
				t.Fatal("values beside an error")
			}
			return
		}
		for name, value := range values {
			if !table.inFile(name) || value.text == "" || value.line < 1 {
				t.Fatalf("%q: %+v", name, value)
			}
		}
	})
}
