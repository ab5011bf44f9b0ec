package origin

import (
	"math"
	"net/http"
	"testing"
	"time"
)

func TestFreshness(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	date := now.Format(http.TimeFormat)
	never, minute := Window{Said: true}, Window{Said: true, For: time.Minute}
	for _, tc := range []struct {
		name string
		h    http.Header
		want Freshness
	}{
		{"nothing said", http.Header{}, Freshness{}},
		{"max-age", http.Header{"Cache-Control": {"public, max-age=60"}}, Freshness{Explicit: true, TTL: time.Minute}},
		{"s-maxage wins", http.Header{"Cache-Control": {"max-age=60, S-MaxAge=\"120\""}}, Freshness{Explicit: true, TTL: 2 * time.Minute, StaleWhile: never, StaleError: never}},
		{"over several lines", http.Header{"Cache-Control": {"max-age=60", "s-maxage=5"}}, Freshness{Explicit: true, TTL: 5 * time.Second, StaleWhile: never, StaleError: never}},
		{"first of two", http.Header{"Cache-Control": {"max-age=1, max-age=2"}}, Freshness{Explicit: true, TTL: time.Second}},
		{"Age is subtracted", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"50"}}, Freshness{Explicit: true, TTL: 10 * time.Second}},
		{"never negative", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"70"}}, Freshness{Explicit: true}},
		{"Expires", http.Header{"Date": {date}, "Expires": {now.Add(time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true, TTL: time.Hour}},
		{"Expires without Date", http.Header{"Expires": {now.Add(time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true, TTL: time.Hour}},
		{"max-age beats Expires", http.Header{"Cache-Control": {"max-age=1"}, "Expires": {now.Add(time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true, TTL: time.Second}},
		{"Expires: 0", http.Header{"Expires": {"0"}}, Freshness{Explicit: true}},
		{"garbage", http.Header{"Cache-Control": {"max-age=soon"}}, Freshness{Explicit: true}},
		{"too large", http.Header{"Cache-Control": {"max-age=99999999999999999999999"}}, Freshness{Explicit: true, TTL: math.MaxInt64 / time.Second * time.Second}},
		{"no sign", http.Header{"Cache-Control": {"max-age=+60"}}, Freshness{Explicit: true}},
		{"no unit", http.Header{"Cache-Control": {"max-age=60s"}}, Freshness{Explicit: true}},
		{"no fraction", http.Header{"Cache-Control": {"max-age=1.5"}}, Freshness{Explicit: true}},
		{"negative", http.Header{"Cache-Control": {"max-age=-1"}}, Freshness{Explicit: true}},
		{"no value", http.Header{"Cache-Control": {"max-age"}}, Freshness{Explicit: true}},
		{"large and no number", http.Header{"Cache-Control": {"max-age=99999999999999999999999x"}}, Freshness{Explicit: true}},
		{"broken s-maxage hides max-age", http.Header{"Cache-Control": {"s-maxage=soon, max-age=60"}}, Freshness{Explicit: true, StaleWhile: never, StaleError: never}},
		{"commas in quotes", http.Header{"Cache-Control": {`ext="a, max-age=9, \", no-store", max-age=60`}}, Freshness{Explicit: true, TTL: time.Minute}},
		{"an open quote hides no other line", http.Header{"Cache-Control": {`ext="a, max-age=9`, "no-store"}}, Freshness{NoStore: true}},
		{"empty parts", http.Header{"Cache-Control": {"", " ,, max-age=60,,=,"}}, Freshness{Explicit: true, TTL: time.Minute}},
		{"fields by name", http.Header{"Cache-Control": {`no-cache="Set-Cookie", private="X-A, X-B", max-age=60`}}, Freshness{NoStore: true, Explicit: true, StaleWhile: never, StaleError: never}},
		{"first Age counts", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"20, 50", "55"}}, Freshness{Explicit: true, TTL: 40 * time.Second}},
		{"broken Age is ignored", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"old"}}, Freshness{Explicit: true, TTL: time.Minute}},
		{"Age alone", http.Header{"Age": {"50"}}, Freshness{}},
		{"Age beyond all", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"99999999999999999999999"}}, Freshness{Explicit: true}},
		{"Expires, empty", http.Header{"Expires": {""}}, Freshness{Explicit: true}},
		{"Expires, several", http.Header{"Expires": {"0", now.Add(time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true}},
		{"Expires in the past", http.Header{"Expires": {now.Add(-time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true}},
		{"Expires by another clock", http.Header{"Date": {now.Add(-5 * time.Hour).Format(http.TimeFormat)}, "Expires": {now.Add(-4 * time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true, TTL: time.Hour}},
		{"Expires, far", http.Header{"Date": {date}, "Expires": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, Freshness{Explicit: true, TTL: math.MaxInt64 / time.Second * time.Second}},
		{"no-cache", http.Header{"Cache-Control": {"no-cache, max-age=60"}}, Freshness{Explicit: true, StaleWhile: never, StaleError: never}},
		{"stale", http.Header{"Cache-Control": {"max-age=60, stale-while-revalidate=60, stale-if-error=60"}}, Freshness{Explicit: true, TTL: time.Minute, StaleWhile: minute, StaleError: minute}},
		{"stale without a lifetime", http.Header{"Cache-Control": {"stale-if-error=60"}}, Freshness{StaleError: minute}},
		{"stale, broken", http.Header{"Cache-Control": {"stale-if-error=soon"}}, Freshness{StaleError: never}},
		{"s-maxage and stale", http.Header{"Cache-Control": {"s-maxage=60, stale-while-revalidate=60"}}, Freshness{Explicit: true, TTL: time.Minute, StaleWhile: minute, StaleError: never}},
		{"must-revalidate", http.Header{"Cache-Control": {"max-age=60, must-revalidate, stale-if-error=60"}}, Freshness{Explicit: true, TTL: time.Minute, StaleWhile: never, StaleError: never}},
		{"proxy-revalidate", http.Header{"Cache-Control": {"max-age=60, proxy-revalidate"}}, Freshness{Explicit: true, TTL: time.Minute, StaleWhile: never, StaleError: never}},
		{"no-store", http.Header{"Cache-Control": {"no-store"}}, Freshness{NoStore: true}},
		{"private", http.Header{"Cache-Control": {"private, max-age=60"}}, Freshness{NoStore: true, Explicit: true, TTL: time.Minute}},
	} {
		if got := parseFreshness(tc.h, now); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func FuzzFreshness(f *testing.F) {
	for _, cc := range []string{
		`max-age=60, s-maxage="1"`, "no-store", "private", "no-cache", `ext="\\",max-age=`, "max-age=99999999999999999999", "s-maxage=-1, =, ,",
	} {
		f.Add(cc, "10", "Thu, 01 Jan 2026 12:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT")
	}
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, cc, age, date, expires string) {
		h := http.Header{"Cache-Control": {cc}, "Age": {age}, "Date": {date}, "Expires": {expires}}
		got := parseFreshness(h, now)
		if got.TTL < 0 || got.TTL%time.Second != 0 || got.TTL > 0 && !got.Explicit {
			t.Fatalf("%+v", got)
		}
		if !now.Add(got.TTL).After(now.Add(-1)) {
			t.Fatalf("%v is no time to add", got.TTL)
		}
		// Nothing that an origin says takes back its no-store or its no-cache.
		h["Cache-Control"] = []string{cc, "no-store, no-cache"}
		got = parseFreshness(h, now)
		if got != (Freshness{Explicit: true, NoStore: true, StaleWhile: Window{Said: true},
			StaleError: Window{Said: true}}) {
			t.Fatalf("with no-store and no-cache: %+v", got)
		}
		// An older answer is not fresher.
		delete(h, "Age")
		h["Cache-Control"] = []string{cc}
		if young := parseFreshness(h, now); young.TTL < got.TTL {
			t.Fatalf("%v without its age, %v with it", young.TTL, got.TTL)
		}
	})
}
