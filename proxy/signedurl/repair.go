package signedurl

import "strings"

// plainPrefix stands before a source that is not encoded.
const plainPrefix = "plain/"

// schemes are the ones whose "//" proxies and CDNs fold into one slash.
var schemes = []string{"http", "https", "s3", "gs", "abs", "swift"}

// Repair undoes two things that proxies and CDNs do to paths: a colon between
// an option and its arguments made into %3A, and the two slashes of a plain
// source's scheme made into one (three of local:///). It gives the path as it
// was signed; one that nothing was done to comes back as it is.
func Repair(path string) string {
	options, source := path, ""
	if i := strings.Index(path, "/"+plainPrefix); i >= 0 {
		options, source = path[:i], path[i:]
	}
	if strings.Contains(options, "%3") {
		segments := strings.Split(options, "/")
		for i, s := range segments {
			if source == "" && !isEscapedOption(s) {
				continue // perhaps a piece of a source
			}
			segments[i] = colons.Replace(s)
		}
		options = strings.Join(segments, "/")
	}
	return options + repairSource(source)
}

// colons unescapes colons.
var colons = strings.NewReplacer("%3A", ":", "%3a", ":")

// isEscapedOption says whether a segment begins with a name and an escaped colon.
func isEscapedOption(s string) bool {
	i := strings.Index(s, "%3")
	if i <= 0 || len(s) < i+3 || s[i+2]|0x20 != 'a' {
		return false
	}
	return !strings.ContainsFunc(s[:i], func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' && r != '-' })
}

func repairSource(s string) string {
	const head = "/" + plainPrefix
	rest, ok := strings.CutPrefix(s, head)
	if !ok {
		return s
	}
	return head + withSlashes(rest)
}

// withSlashes is a source with all slashes behind its scheme.
func withSlashes(source string) string {
	if after, ok := strings.CutPrefix(source, "local:/"); ok && !strings.HasPrefix(after, "//") {
		return "local:///" + strings.TrimLeft(after, "/")
	}
	for _, scheme := range schemes {
		if after, ok := strings.CutPrefix(source, scheme+":/"); ok && !strings.HasPrefix(after, "/") {
			return scheme + "://" + after
		}
	}
	return source
}
