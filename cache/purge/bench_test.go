package purge

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var someEntry = Scope{
	URL: "https://img.example/rs:fit:640:480/plain/s3://bucket/dir/pic.jpg", Source: "s3://bucket/dir/pic.jpg",
	Hosts: []string{"bucket"}, Tags: []string{"one", "two", "three"},
}

func TestLastDoesNotAllocate(t *testing.T) {
	c := open(t, Config{})
	purgeTags(t, c, 20_000)
	do(t, c, Hard, Target{Prefix, "s3://bucket/dir/"})
	if n := testing.AllocsPerRun(1000, func() { c.Last(someEntry) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPurge(b *testing.B) {
	c := open(b, config(b, b.TempDir()))
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		do(b, c, Soft, Target{Tag, fmt.Sprint("tag ", i)})
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

func BenchmarkLast(b *testing.B) {
	for _, n := range []int{0, 100, 100_000} {
		c := open(b, Config{})
		purgeTags(b, c, n)
		b.Run(fmt.Sprint("targets=", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Last(someEntry)
			}
		})
	}
	c := open(b, Config{})
	for i := range 1000 {
		do(b, c, Soft, Target{Prefix, fmt.Sprint("s3://bucket/dir ", i, "/")})
	}
	b.Run("prefixes of its site=1000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Last(someEntry)
		}
	})
}
