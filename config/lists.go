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
		name, text, ok := strings.Cut(entry, "=")
		name, text = strings.TrimSpace(name), strings.TrimSpace(text)
		switch {
		case !ok || name == "" || text == "":
			return nil, fmt.Errorf("%s has %q: write it like name=URL", flag, entry)
		case all[name] != "":
			return nil, fmt.Errorf("%s has %q twice", flag, name)
		}
		all[name] = text
	}
	return all, nil
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
