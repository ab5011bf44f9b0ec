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
	for _, tc := range []struct {
		name string
		h    http.Header
		want Freshness
	}{
		{"nothing said", http.Header{}, Freshness{}},
		{"max-age", http.Header{"Cache-Control": {"public, max-age=60"}}, Freshness{Explicit: true, TTL: time.Minute}},
		{"s-maxage wins", http.Header{"Cache-Control": {"max-age=60, S-MaxAge=\"120\""}}, Freshness{Explicit: true, TTL: 2 * time.Minute}},
		{"over several lines", http.Header{"Cache-Control": {"max-age=60", "s-maxage=5"}}, Freshness{Explicit: true, TTL: 5 * time.Second}},
		{"first of two", http.Header{"Cache-Control": {"max-age=1, max-age=2"}}, Freshness{Explicit: true, TTL: time.Second}},
		{"Age is subtracted", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"50"}}, Freshness{Explicit: true, TTL: 10 * time.Second}},
		{"never negative", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"70"}}, Freshness{Explicit: true}},
		{"Expires", http.Header{"Date": {date}, "Expires": {now.Add(time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true, TTL: time.Hour}},
		{"Expires without Date", http.Header{"Expires": {now.Add(time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true, TTL: time.Hour}},
		{"max-age beats Expires", http.Header{"Cache-Control": {"max-age=1"}, "Expires": {now.Add(time.Hour).Format(http.TimeFormat)}}, Freshness{Explicit: true, TTL: time.Second}},
		{"Expires: 0", http.Header{"Expires": {"0"}}, Freshness{Explicit: true}},
		{"garbage", http.Header{"Cache-Control": {"max-age=soon"}}, Freshness{Explicit: true}},
		{"too large", http.Header{"Cache-Control": {"max-age=99999999999999999999999"}}, Freshness{Explicit: true, TTL: math.MaxInt64 / time.Second * time.Second}},
		{"no-cache", http.Header{"Cache-Control": {"no-cache, max-age=60"}}, Freshness{Explicit: true}},
		{"no-store", http.Header{"Cache-Control": {"no-store"}}, Freshness{NoStore: true}},
		{"private", http.Header{"Cache-Control": {"private, max-age=60"}}, Freshness{NoStore: true, Explicit: true, TTL: time.Minute}},
	} {
		if got := freshness(tc.h, now); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func FuzzFreshness(f *testing.F) {
	f.Add("max-age=60, s-maxage=\"1\"", "10", "Thu, 01 Jan 2026 12:00:00 GMT", "0")
	f.Fuzz(func(t *testing.T, cc, age, date, expires string) {
		got := freshness(http.Header{"Cache-Control": {cc}, "Age": {age}, "Date": {date}, "Expires": {expires}}, time.Now())
		if got.TTL < 0 || got.TTL > 0 && !got.Explicit {
			t.Fatalf("%+v", got)
		}
	})
}
