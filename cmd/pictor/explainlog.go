package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// requestLine finds the target in a line of an access log, common or combined,
// or of JSON.
var requestLine = regexp.MustCompile(`"(?:GET|HEAD) ([^ "]+)|` +
	`"(?:path|uri|url|request|target)" *: *"(?:GET |HEAD )?([^ "]+)`)

// explainLog counts verdicts over lines.
func (e *explainer) explainLog(name string, out io.Writer) error {
	in := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	counts, examples := map[string]int{}, map[string]string{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	total := 0
	for lines.Scan() {
		target := strings.TrimSpace(lines.Text())
		if m := requestLine.FindStringSubmatch(target); m != nil {
			target = m[1] + m[2]
		}
		if target == "" {
			continue
		}
		total++
		key := e.verdictOf(target)
		counts[key]++
		if examples[key] == "" {
			examples[key] = target
		}
	}
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
	for _, k := range keys {
		fmt.Fprintf(out, "%7d  %s\n         %s\n", counts[k], k, examples[k])
	}
	fmt.Fprintf(out, "%7d  in all\n", total)
	return lines.Err()
}

// others are paths that are no images.
var others = []string{"/", "/favicon.ico", "/robots.txt", "/health", "/health/live", "/health/ready"}

func (e *explainer) verdictOf(target string) string {
	if slices.Contains(others, signedurl.PathOf(target)) {
		return "not an image"
	}
	v := e.verdictOn(target)
	switch {
	case v.code == "wrong-signature":
		text := v.code
		if len(v.diag.Mistakes) > 0 {
			text += ": " + strings.Join(v.diag.Mistakes, "; ")
		}
		if v.err != nil {
			text += fmt.Sprintf("; %s: %v", v.errCode, v.err)
		}
		return text
	case v.errCode == "expired":
		return v.code // each at another time
	case v.err != nil:
		return fmt.Sprintf("%s: %v", v.code, v.err)
	case v.unchecked:
		return v.code + ", signature not checked (no key)"
	}
	return v.code
}
