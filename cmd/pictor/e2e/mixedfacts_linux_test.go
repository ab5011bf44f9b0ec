package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// mixedAsk is one kind of request of a load that has more than resizes.
type mixedAsk struct {
	// path has one verb, for the source.
	path string
	// text is what an answer must be that is no image.
	text *regexp.Regexp
	// quick says that --defer has another answer at first.
	quick bool
}

// mixedAsks are resizes, facts about pixels, placeholders, searched qualities and a format that takes long.
var mixedAsks = []mixedAsk{
	{path: "/insecure/rs:fit:720:0/plain/%s@jpg"},
	{path: "/info/insecure/average:1/palette:4/blurhash:4:3/plain/%s",
		text: regexp.MustCompile(`"average":\{.*"R":\d+.*`)},
	{path: "/insecure/w:320/f:webp/aq:ssimulacra2:70/plain/%s", quick: true},
	{path: "/insecure/f:blurhash/plain/%s", text: regexp.MustCompile(`^[0-9A-Za-z#$%*+,.:;=?@[\]^_{|}~-]{28}$`)},
	{path: "/insecure/rs:fit:300:0/plain/%s", quick: true}, // negotiated: AVIF
	{path: "/insecure/f:thumbhash/plain/%s", text: regexp.MustCompile(`^[0-9A-Za-z+/]{20,}=*$`)},
	{path: "/insecure/w:160/f:best/plain/%s", quick: true},
	{path: "/insecure/f:lqip/plain/%s", text: regexp.MustCompile(`^data:image/webp;base64,[0-9A-Za-z+/]+=*$`)},
	{path: "/insecure/f:color/plain/%s", text: regexp.MustCompile(`^#[0-9a-f]{6}$`)},
}

// mixedSources have the forms that phones, cameras and programs make.
var mixedSources = []string{"29mp.jpg", "6mp-progressive.jpg", "29mp-exif6.jpg", "6mp.png"}

const mixedAccept = "image/avif,image/webp,*/*"

// Whatever is asked for at once, the limit is kept: large photographs, facts about pixels, placeholders, searched
// qualities and AVIF, while operators watch. Searches run within the requests, and deferred.
func TestMixedLoadOfFactsAndSearches(t *testing.T) {
	long(t, "load in a memory cgroup")
	origin := newSite(t)
	for name, b := range mixedPictures(t) {
		origin.put("/"+name, b)
	}
	for _, tc := range []struct {
		name     string
		args     []string
		deferred bool
	}{
		{name: "searched at once"},
		{"deferred", []string{"--defer", "avif,autoquality,best"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const limit = 256 * mib
			g := newCgroup(t, limit)
			s := serveIn(t, g, append(tc.args, "--auto-formats", "avif,webp", "--admin-token", "secret")...)
			admin := &operator{server{t: t, url: s.admin}}
			s.admin = "" // the end of the test has no token for it
			watch, polled := g.watch(), admin.poll()
			asks := len(mixedAsks) * len(mixedSources)
			path := func(i int) (mixedAsk, string) {
				kind := mixedAsks[i%len(mixedAsks)]
				name := mixedSources[i/len(mixedAsks)%len(mixedSources)]
				return kind, fmt.Sprintf(kind.path, fmt.Sprintf("%s/v/%d/%s", origin.URL, i, name))
			}
			l, answers := s.askMixed(16, asks, path)
			deferred := 0
			for i, a := range answers {
				kind, p := path(i)
				if a.status == http.StatusOK && kind.quick && tc.deferred {
					deferred++
				}
				judgeMixed(t, kind, p, a)
			}
			made := admin.deferredMade(deferred)
			cpu := s.treeCPU()
			under(t, g, l, watch(), limit)
			t.Logf("%d of %d answered, %d of %d deferred results made, the studio asked %d times, %v of CPU",
				l.status[http.StatusOK], asks, made, deferred, polled(), cpu)
			if l.status[http.StatusOK] < asks*3/4 {
				t.Errorf("%v", l)
			}
			if n := admin.series()[`pictor_workers_ended_total{why="overran"}`]; n != 0 {
				t.Errorf("%v jobs took more than their estimates and spare memory", n)
			}
		})
	}
}

// askMixed asks by closedLoop with what browsers accept, and gives the answers.
func (s *server) askMixed(clients, n int, path func(i int) (mixedAsk, string)) (l load, answers []answer) {
	answers = make([]answer, n)
	l = closedLoop(clients, n, func(i int) (status int, header http.Header, err error) {
		_, p := path(i)
		answers[i], err = s.try(http.MethodGet, p, "Accept", mixedAccept)
		return answers[i].status, answers[i].header, err
	})
	return l, answers
}

// judgeMixed decodes an answer by other programs, or reads its text. The status is judged with those of the others.
func judgeMixed(t *testing.T, kind mixedAsk, path string, a answer) {
	t.Helper()
	if a.status != http.StatusOK {
		return
	}
	if kind.text != nil {
		if !kind.text.Match(a.body) || strings.HasPrefix(path, "/info/") && !json.Valid(a.body) {
			t.Errorf("%s: %v", path, a)
		}
		return
	}
	name, _ := strings.CutPrefix(a.header.Get("Content-Type"), "image/")
	f, ok := transform.ParseFormat(name)
	if !ok {
		t.Errorf("%s: %v", path, a.header)
		return
	}
	if size := decodedBy(t, f, a.body).Bounds(); size.Dx() < 100 || size.Dy() < 100 {
		t.Errorf("%s: %v", path, size)
	}
}

// operator asks the admin port with its token.
type operator struct{ server }

func (o *operator) ask(path string) answer {
	o.t.Helper()
	a, err := o.try(http.MethodGet, path, "Authorization", "Bearer secret")
	if err != nil || a.status != http.StatusOK {
		o.t.Error(path, a, err)
	}
	return a
}

// series are pictor's own.
func (o *operator) series() map[string]float64 {
	o.t.Helper()
	return seriesIn(o.t, string(o.ask("/metrics").body))
}

// poll asks for what the pages of operators show, again and again, until stop says how often it was.
func (o *operator) poll() (stop func() int) {
	end, polls := make(chan struct{}), make(chan int)
	go func() {
		for n := 1; ; n++ {
			figures := o.ask("/studio/api/figures")
			if !strings.Contains(string(figures.body), `"limit_bytes"`) {
				o.t.Error(figures)
			}
			o.ask("/debug/memory?format=table")
			select {
			case <-end:
				polls <- n
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() int { close(end); return <-polls }
}

// deferredMade waits until no deferred result is pending, and says how many were made: each that was answered with
// less, unless no worker was idle for long, which the metric tells.
func (o *operator) deferredMade(deferred int) (made int) {
	o.t.Helper()
	var all map[string]float64
	waitFor(o.t, "the deferred results", func() bool {
		all = o.series()
		return o.t.Failed() || all["pictor_deferred_pending"] == 0
	})
	count := func(result string) int { return int(all[`pictor_deferred_total{result="`+result+`"}`]) }
	made = count("made")
	left := count("waited") + count("yielded")
	if count("failed") != 0 || made+left != deferred || made == 0 && deferred > 0 {
		o.t.Errorf("of %d deferred results %d were made, %d failed, %d waited or yielded for too long", deferred, made,
			count("failed"), left)
	}
	return made
}
