package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// fromImgproxy is a YAML file that serve starts with, once the secrets are in its
// environment: settings, and comments on the rest.
func fromImgproxy(environ []string) (file string, err error) {
	moved := config.FromImgproxy(environ, func(segment string) error {
		_, err := (&signedurl.Dialect{}).ParseUnsigned("/" + segment + "/plain/x")
		return err
	})
	if len(moved) == 0 {
		return "", errors.New("there are no variables of imgproxy (IMGPROXY_…) in this environment")
	}
	refused := refusedSettings(moved)
	var out strings.Builder
	out.WriteString("# By `pictor config --from-imgproxy`. It holds no secrets.\n")
	if !slices.ContainsFunc(moved, func(m config.Moved) bool { return m.Name == "key" }) {
		out.WriteString("#\n# imgproxy accepts any signature where it has no key. pictor needs PICTOR_KEY and\n" +
			"# PICTOR_SALT (`pictor keys` prints a pair), or the next line without its #:\n# insecure: true\n#\n")
	}
	for i, m := range moved {
		if m.From != "" {
			fmt.Fprintf(&out, "# %s\n", oneLine(strings.TrimSuffix(m.From+": "+m.Note, ": ")))
		}
		switch {
		case m.Name == "":
		case refused[i] != nil && m.Secret:
			fmt.Fprintf(&out, "# %s is left out: %s\n", m.Name, oneLine(refused[i].Error()))
		case refused[i] != nil:
			fmt.Fprintf(&out, "# left out: %s\n# %s: %q\n", oneLine(refused[i].Error()), m.Name, m.Value)
		case m.Secret:
			fmt.Fprintf(&out, "# %s: set PICTOR_%s to the same text\n", m.Name,
				strings.ToUpper(strings.ReplaceAll(m.Name, "-", "_")))
		case m.Name == "accounts":
			fmt.Fprintf(&out, "%s:\n    %s\n", m.Name, strings.ReplaceAll(strings.TrimSpace(m.Value), "\n", "\n    "))
		default:
			fmt.Fprintf(&out, "%s: %q\n", m.Name, m.Value)
		}
	}
	return out.String(), nil
}

// oneLine keeps a comment in its line.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// refusedSettings says which settings serve would not start with, and why, by their
// index: as few as it finds by adding one after the other. Keys are not looked
// at, as they are no part of the file.
func refusedSettings(moved []config.Moved) map[int]error {
	taken, refused := map[int]bool{}, map[int]error{}
	for i, m := range moved {
		if m.Name != "" && m.Name != "key" && m.Name != "salt" {
			taken[i] = true
		}
	}
	if tryFile(moved, taken) == nil {
		return nil
	}
	for i := range taken {
		refused[i] = nil
	}
	clear(taken)
	// One may need another that comes after it.
	for more := true; more; {
		more = false
		for i := range moved {
			if _, left := refused[i]; !left {
				continue
			}
			taken[i] = true
			if refused[i] = tryFile(moved, taken); refused[i] != nil {
				delete(taken, i)
				continue
			}
			delete(refused, i)
			more = true
		}
	}
	return refused
}

// tryFile says what keeps serve from starting with some of the settings.
func tryFile(moved []config.Moved, taken map[int]bool) error {
	file := strings.Builder{}
	file.WriteString("key: '00'\nsalt: '00'\n")
	for i, m := range moved {
		if taken[i] {
			fmt.Fprintf(&file, "%s: %q\n", m.Name, m.Value)
		}
	}
	cfg, err := config.Load([]byte(file.String()))
	if err != nil {
		return err
	}
	return checkStartable(cfg)
}
