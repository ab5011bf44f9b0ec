package origin

import (
	"fmt"
	"sort"
	"strings"
)

// Rewrites leads from the sources that URLs name to those that are fetched. The zero value changes
// nothing.
type Rewrites struct {
	// Base stands before a source without a scheme: an URL of http or https, or local:///, that ends
	// with a slash.
	Base string
	// Aliases are schemes of the operator's own: with photos leading to https://a.example/p/ the source
	// photos://x.jpg is https://a.example/p/x.jpg.
	Aliases map[string]string
	// Prefixes are beginnings of sources, and what stands in their place.
	Prefixes map[string]string
}

// knownSchemes are those that an alias must not take.
var knownSchemes = map[string]bool{"http": true, "https": true, "local": true, "file": true, "data": true, "s3": true,
	"gs": true, imageScheme: true, "abs": true, "swift": true}

// rewriter is Rewrites, checked.
type rewriter struct {
	base    string
	aliases map[string]string
	// prefixes are the longest first.
	prefixes [][2]string
}

// newRewriter checks each target by parse, which is parseSource without rewrites.
func newRewriter(r Rewrites, parse func(string) (location, error)) (w rewriter, err error) {
	w.aliases = map[string]string{}
	check := func(what, target string) error {
		if !strings.HasSuffix(target, "/") {
			return fmt.Errorf("%s is %q: it must end with a slash", what, target)
		}
		if strings.ContainsAny(target, "?#") {
			return fmt.Errorf("%s is %q: it must not contain a ? or #", what, target)
		}
		// A file in the folder, as local:/// alone is no source.
		if _, err := parse(target + "x"); err != nil {
			return fmt.Errorf("%s is %q: %w", what, target, err)
		}
		return nil
	}
	if r.Base != "" {
		if err := check("the base URL", r.Base); err != nil {
			return w, err
		}
		w.base = r.Base
	}
	for name, target := range r.Aliases {
		if name == "" || schemeOf(name+":") != name || knownSchemes[name] {
			return w, fmt.Errorf("alias %q: a name begins with a letter, consists of lower-case letters, digits, + "+
				"and -, and is none of http, https, local, file, data, fallback, s3, gs, abs and swift", name)
		}
		if err := check(fmt.Sprintf("alias %q", name), target); err != nil {
			return w, err
		}
		w.aliases[name] = target
	}
	for from, to := range r.Prefixes {
		if from == "" {
			return w, fmt.Errorf("the rewrite to %q has nothing to begin with", to)
		}
		if err := check(fmt.Sprintf("the rewrite of %q", from), to); err != nil {
			return w, err
		}
		if !strings.HasSuffix(from, "/") {
			return w, fmt.Errorf("the rewrite of %q: it must end with a slash", from)
		}
		w.prefixes = append(w.prefixes, [2]string{from, to})
	}
	sort.Slice(w.prefixes, func(i, k int) bool { return len(w.prefixes[i][0]) > len(w.prefixes[k][0]) })
	return w, nil
}

// resolve is the source to fetch, and what it must begin with, "" for anything: a source that was put
// behind a folder does not leave it again.
func (w rewriter) resolve(source string) (resolved, folder string) {
	for _, p := range w.prefixes {
		if rest, ok := strings.CutPrefix(source, p[0]); ok {
			return p[1] + strings.TrimLeft(rest, "/"), p[1]
		}
	}
	scheme := schemeOf(source)
	if target, ok := w.aliases[scheme]; ok {
		return target + strings.TrimLeft(source[len(scheme)+1:], "/"), target
	}
	if scheme == "" && w.base != "" {
		return w.base + strings.TrimLeft(source, "/"), w.base
	}
	return source, ""
}

var errOutside = fmt.Errorf("%w: the path of the source leads out of the folder that it is in", ErrBadSource)
