package config

import (
	"fmt"
	"strconv"
	"strings"
)

// splitList splits a list at commas, without empty entries; nil for an empty list.
func splitList(s string) []string {
	var out []string
	for entry := range strings.SplitSeq(s, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			out = append(out, entry)
		}
	}
	return out
}

// namedTexts reads a list of name=text.
func namedTexts(flag, list string) (map[string]string, error) {
	all := map[string]string{}
	for _, entry := range splitList(list) {
		if err := addNamed(all, entry, "the entry", "name=URL"); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
	}
	return all, nil
}

// addNamed adds an entry of a form such as name=options. kind is what an entry is, for errors.
func addNamed(all map[string]string, entry, kind, form string) error {
	name, text, ok := strings.Cut(entry, "=")
	name, text = strings.TrimSpace(name), strings.TrimSpace(text)
	switch {
	case !ok || name == "" || text == "":
		return fmt.Errorf("%q is not %s", entry, form)
	case all[name] != "":
		return fmt.Errorf("%s %q is set twice", kind, name)
	}
	all[name] = text
	return nil
}

// numbers reads a list of whole numbers from 0 to most.
func numbers(flag, text string, most int) (list []int, err error) {
	for _, entry := range splitList(text) {
		n, err := strconv.Atoi(entry)
		if err != nil || n < 0 || n > most {
			return nil, fmt.Errorf("%s has %q: write whole numbers from 0 to %d", flag, entry, most)
		}
		list = append(list, n)
	}
	return list, nil
}
