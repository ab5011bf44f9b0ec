package origin

import (
	"net/http"
	"slices"
	"strings"
)

// maxTags bounds the tags of a source, in bytes with their blanks.
const maxTags = 8 << 10

// tagHeaders are those by which CDNs and caches are told tags; each is a list
// with commas or blanks.
var tagHeaders = []string{"Cache-Tag", "Surrogate-Key", "Xkey", "Edge-Cache-Tag", "Cdn-Tag", "X-Amz-Meta-Cache-Tag"}

// tags are all tags in headers. ok is false where they are too many to keep,
// or hold what no tag does, so that not all of them are told.
func tags(h http.Header) (list string, ok bool) {
	var all []string
	for _, name := range tagHeaders {
		for _, line := range h[name] {
			all = append(all, strings.FieldsFunc(strings.ToLower(line), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })...)
		}
	}
	return join(all)
}

// join makes one list of tags.
func join(all []string) (list string, ok bool) {
	slices.Sort(all)
	list = strings.Join(slices.Compact(all), " ")
	if len(list) > maxTags || strings.ContainsFunc(list, func(r rune) bool { return r < 0x20 || r >= 0x7f }) {
		return "", false
	}
	return list, true
}
