package config

import (
	"strings"
	"testing"
)

// What people write that is no YAML gets the line, what the parser has found, and what to do. None of it is a value.
func TestErrorsOfYAMLSayWhatToDo(t *testing.T) {
	for text, want := range map[string][2]string{
		"ttl: 1h\nkey: aa\n  salt: secret\n":      {"line 3: mapping values", "start of its line"},
		"ttl: 1h\npresets: card=rs: 3\n":          {"line 2: mapping values", "in quotes"},
		"presets: card=rs: 3\n":                   {"line 1: mapping values", "in quotes"},
		"ttl: 1h\nlisten\n":                       {"line 2: could not find", "name: value"},
		"ttl: 1h\n\tkey: secret\n":                {"line 2: found a tab", "spaces"},
		"ttl: 1h\norigins:\n\t- url: x\n":         {"line 3: found character", "spaces"},
		"ttl: 1h\nkey: @secret\n":                 {"line 2: found character", "begins with @"},
		"key: `secret`\n":                         {"line 1: found character", "begins with @"},
		"ttl: 1h\nallow-sources: *.example.com\n": {"line 2: did not find", "begins with *"},
		"ttl: 1h\nallow-sources: *secret\n":       {"unknown anchor: ", "begins with *"},
		"ttl: 1h\nkey: \"secret\nsalt: b\n":       {"line 2: found unexpected end", "close the quote"},
		"ttl: 1h\nkey: \"secret\\q\"\n":           {"line 2: found unknown escape", "backslash"},
		"ttl: 1h\nkey: - secret\n":                {"line 2: block sequence", "line below"},
		"ttl: 1h\nkey: [secret\nsalt: b\n":        {"line 2: did not find", "close the bracket"},
		"ttl: 1h\npresets: {a: secret\nkey: x\n":  {"line 2: did not find", "close the bracket"},
		"ttl: [":                                  {"line 1: did not find", "there or before"},
		"ttl: 1h\nkey:\n  - secret\n - b\n":       {"line 4: did not find", "alike"},
		"ttl: 1h\nsalt: 'secret'c\n":              {"line 2: did not find", "behind a quote"},
		"ttl: 1h\nkey: secret\x01\n":              {"control characters", "plain text"},
		"ttl: 1h\nkey: secret\xff\n":              {"invalid: ", "UTF-8"},
	} {
		_, err := parseFile([]byte(text), tableOf(t))
		if err == nil || !strings.HasPrefix(err.Error(), want[0]) || !strings.Contains(err.Error(), want[1]) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
