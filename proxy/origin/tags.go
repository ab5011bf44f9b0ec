package origin

import (
	"net/http"
	"slices"
	"strings"
)

// maxTags bounds the tags of a source, in bytes with their blanks.
const maxTags = 8 << 10

// tagHeaders are the headers by which origins give tags to CDNs and caches; each is a
// list with commas or blanks.
var tagHeaders = []string{"Cache-Tag", "Surrogate-Key", "Xkey", "Edge-Cache-Tag", "Cdn-Tag", "X-Amz-Meta-Cache-Tag"}

// tagsOf gives all tags in headers. ok is false where the list would lack some,
// because there are too many, or because one has a character that no tag may have.
func tagsOf(h http.Header) (list string, ok bool) {
	var all []string
	for _, name := range tagHeaders {
		for _, line := range h[name] {
			all = append(all, strings.FieldsFunc(strings.ToLower(line),
				func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })...)
		}
	}
	return joinTags(all)
}

// joinTags makes one list of tags.
func joinTags(all []string) (list string, ok bool) {
	slices.Sort(all)
	list = strings.Join(slices.Compact(all), " ")
	if len(list) > maxTags || strings.ContainsFunc(list, func(r rune) bool { return r < 0x20 || r >= 0x7f }) {
		return "", false
	}
	return list, true
}
