package proxy

import (
	"net/http"
	"strings"
	"testing"
)

// imgproxy's clients escape colons inside of an argument, and so does pictor sign:
// such a path is not one that was damaged on its way.
func TestEscapedColonInASignedArgument(t *testing.T) {
	r := newRig(t, nil)
	for _, options := range []string{"cb:a%3Ab", "fn:a%3Ab", "cb:a%3ab/w:30"} {
		if resp, body := r.must(r.path(options)); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %q", options, resp.StatusCode, body)
		}
	}
}

// A URL purges what it has put into the cache, in the spelling that was sent.
func TestPurgeByTheSpellingThatWasSent(t *testing.T) {
	r := newRig(t, nil)
	for _, target := range []string{r.path("cb:a%3Ab"), strings.ReplaceAll(r.path("cb:1"), "cb:1", "cb%3A1")} {
		r.wantStatus("cold", target, missed)
		r.purge(PurgeRequest{URLs: []string{target}})
		r.wantStatus("purged: "+target, target, missed)
	}
}
