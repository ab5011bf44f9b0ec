package proxy

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"weak"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// serveHit answers a request for an image that was asked for before, and that the RAM cache
// has, in fewer steps than serveImage and with the same response. It is false, with nothing
// done, for all other requests, and for those with conditions and ranges that it does not
// know.
func (s *Server) serveHit(w http.ResponseWriter, r *http.Request) bool {
	now := s.now()
	condition, ok := plainCondition(r)
	if !ok {
		return false
	}
	rules := s.cfg.inForce.Load()
	var began time.Time
	if rules.RequestLog.logsHits() {
		began = time.Now()
	}
	target, result := s.targets.find(s.knownName(r.RequestURI), func(u urlFacts) variant {
		return s.variantOf(u, r.Header)
	})
	if target == nil {
		return false
	}
	// Under other rules the URL may mean something else, or nothing.
	if target.hasExpired(now) || target.generation != rules.generation {
		return false
	}
	if _, err := rules.Origin.Hops(r.Header); err != nil {
		return false
	}
	sender, ok := s.memory.Responses.HitSender(w, r)
	if !ok {
		return false
	}
	e, ok := s.cfg.Cache.GetFromRAM(result.key)
	if !ok {
		return false
	}
	header := s.hitHeaderFor(target, result, e, now)
	hit := memory.Hit{Entry: e, Status: http.StatusOK, Fields: header.fields, Length: header.length,
		RequestID: requestID(r.Header)[0]}
	answers, requests := target.hits.answers, target.hits.requestsOK
	if strings.TrimPrefix(condition, "W/") == e.ETag {
		hit.Status, hit.Fields = http.StatusNotModified, header.fields[:header.notModified]
		answers, requests = target.hits.notModified, target.hits.requestsNotModified
	}
	sent, err := sender.Send(hit)
	if errors.Is(err, budget.ErrSaturated) {
		return false // the cache has evicted it meanwhile, and there is no room for it
	}
	target.key.countRequest(nil)
	s.figures.hitBytes.Add(float64(sent))
	answers.Inc()
	requests.Inc()
	s.figures.hitTimes.Observe(s.now().Sub(now).Seconds())
	if !began.IsZero() {
		rules.RequestLog.logHit(r, began, target.logged, hit.RequestID, hit.Status, sent)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // has net/http end the connection
	}
	return true
}

// plainCondition returns the If-None-Match of a request, if there is one. It is false for
// requests that serveHit does not answer: all but GET in origin form without a body, and those
// with other conditions, with ranges, or with more than one entity tag.
func plainCondition(r *http.Request) (etag string, ok bool) {
	if r.Method != http.MethodGet || r.ContentLength != 0 || !r.ProtoAtLeast(1, 1) ||
		!strings.HasPrefix(r.RequestURI, "/") {
		return "", false
	}
	for _, name := range []string{"If-Match", "If-Unmodified-Since", "Range"} {
		if r.Header[name] != nil {
			return "", false
		}
	}
	switch conditions := r.Header["If-None-Match"]; len(conditions) {
	case 0:
		return "", r.Header["If-Modified-Since"] == nil
	case 1:
		etag = conditions[0]
	default:
		return "", false
	}
	inner, opened := strings.CutPrefix(strings.TrimPrefix(etag, "W/"), `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	return etag, opened && closed && !strings.ContainsAny(inner, "\", \t")
}

// hitHeader is the header of responses with an entry: its lines, of which a 304 has those
// before notModified, and the value of Content-Length.
type hitHeader struct {
	// entry does not keep the entry in memory.
	entry       weak.Pointer[cache.Entry]
	at          headerTime
	fields      string
	notModified int
	length      []string
}

// headerTime is all that a header depends on of the time: what is left of the freshness
// lifetime, in whole half seconds, and of the lifetime of the URL, if it has one.
type headerTime struct{ halves, urlSeconds int64 }

func (u urlFacts) headerTimeOf(e *cache.Entry, now time.Time) headerTime {
	at := headerTime{halves: int64(e.Expires.Sub(now) / (time.Second / 2))}
	if u.expires != 0 {
		at.urlSeconds = u.expires - now.Unix()
	}
	return at
}

// maxHitHeader is the size of the largest header that is kept, in bytes: what
// knownResultBytes has for it.
const maxHitHeader = 1 << 10

// hitHeaderFor is the header of a response with an entry: that of the last one, if it would
// be the same.
func (s *Server) hitHeaderFor(t *knownTarget, r *knownResult, e *cache.Entry, now time.Time) *hitHeader {
	at := t.headerTimeOf(e, now)
	if last := r.header.Load(); last != nil && last.at == at && last.entry.Value() == e {
		return last
	}
	made := s.newHitHeader(t.urlFacts, e, now)
	made.at = at
	if len(made.fields) <= maxHitHeader {
		r.header.Store(made)
	}
	return made
}

// newHitHeader makes the header with the values that respond and http.ServeContent give it.
func (s *Server) newHitHeader(u urlFacts, e *cache.Entry, now time.Time) *hitHeader {
	common := http.Header{}
	s.setImageHeader(common, u, e, cache.Hit, now)
	full := http.Header{"Content-Type": common["Content-Type"], "Accept-Ranges": {"bytes"}}
	delete(common, "Content-Type")
	if !e.LastModified.IsZero() && !e.LastModified.Equal(time.Unix(0, 0)) {
		full.Set("Last-Modified", e.LastModified.UTC().Format(http.TimeFormat))
	}
	var b bytes.Buffer
	_ = common.Write(&b) // a Buffer has no errors
	notModified := b.Len()
	_ = full.Write(&b)
	return &hitHeader{
		entry: weak.Make(e), fields: b.String(), notModified: notModified,
		length: []string{strconv.FormatInt(e.Size(), 10)},
	}
}
