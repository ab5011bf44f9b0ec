package origin

import (
	"fmt"
	"sort"
	"strings"
)

// Rewrites leads from the sources that URLs name to those that are fetched. The zero value changes
// nothing.
type Rewrites struct {
	// Base stands before a source without a scheme: an URL of http or https, a folder of a bucket, or
	// local:///, that ends with a slash.
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

// folder is where a rewrite leads to.
type folder struct {
	// url is what stands before the rest of a source, and identity what the identities of all sources
	// in it begin with. Both are "" for no folder.
	url, identity string
}

// prefixRewrite has a folder take the place of the beginning of a source.
type prefixRewrite struct {
	from string
	to   folder
}

// rewriter is Rewrites, checked.
type rewriter struct {
	base    folder
	aliases map[string]folder
	// prefixes are the longest first.
	prefixes []prefixRewrite
}

// newRewriter checks each target by parse, which is parseSource without rewrites.
func newRewriter(r Rewrites, parse func(string) (location, error)) (w rewriter, err error) {
	w.aliases = map[string]folder{}
	open := func(what, target string) (folder, error) {
		if !strings.HasSuffix(target, "/") {
			return folder{}, fmt.Errorf("%s is %q: it must end with a slash", what, target)
		}
		if strings.ContainsAny(target, "?#") {
			return folder{}, fmt.Errorf("%s is %q: it must not contain a ? or #", what, target)
		}
		const file = "x" // in the folder, as local:/// alone is no source
		at, err := parse(target + file)
		if err != nil {
			return folder{}, fmt.Errorf("%s is %q: %w", what, target, err)
		}
		return folder{target, strings.TrimSuffix(at.identity(), file)}, nil
	}
	if r.Base != "" {
		if w.base, err = open("the base URL", r.Base); err != nil {
			return w, err
		}
	}
	for name, target := range r.Aliases {
		if name == "" || schemeOf(name+":") != name || knownSchemes[name] {
			return w, fmt.Errorf("alias %q: a name begins with a letter, consists of lower-case letters, digits, + "+
				"and -, and is none of http, https, local, file, data, fallback, s3, gs, abs and swift", name)
		}
		if w.aliases[name], err = open(fmt.Sprintf("alias %q", name), target); err != nil {
			return w, err
		}
	}
	for from, to := range r.Prefixes {
		if from == "" {
			return w, fmt.Errorf("the rewrite to %q has nothing to begin with", to)
		}
		target, err := open(fmt.Sprintf("the rewrite of %q", from), to)
		if err != nil {
			return w, err
		}
		if !strings.HasSuffix(from, "/") {
			return w, fmt.Errorf("the rewrite of %q: it must end with a slash", from)
		}
		w.prefixes = append(w.prefixes, prefixRewrite{from, target})
	}
	sort.Slice(w.prefixes, func(i, k int) bool { return len(w.prefixes[i].from) > len(w.prefixes[k].from) })
	return w, nil
}

// resolve is the source to fetch, and the folder that it was put into, if it was: it must not leave that
// again.
func (w rewriter) resolve(source string) (resolved string, in folder) {
	rest := source
	scheme := schemeOf(source)
	if target, ok := w.aliases[scheme]; ok {
		rest, in = source[len(scheme)+1:], target
	} else if scheme == "" {
		in = w.base
	}
	for _, p := range w.prefixes {
		if behind, ok := strings.CutPrefix(source, p.from); ok {
			rest, in = behind, p.to
			break
		}
	}
	if in == (folder{}) {
		return source, in
	}
	return in.url + strings.TrimLeft(rest, "/"), in
}

var errOutside = fmt.Errorf("%w: the path of the source leads out of the folder that it is in", ErrBadSource)
