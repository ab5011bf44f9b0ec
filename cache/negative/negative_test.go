package negative

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOutcomesEnd(t *testing.T) {
	now := time.Unix(1e9, 0)
	table, err := New[string, string](4, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	applied := uint64(5)
	unpurged := func(o Outcome[string]) bool { return o.Seq == applied }
	want := func(v string) {
		t.Helper()
		if got, ok := table.Get("k", unpurged); got != v || ok != (v != "") {
			t.Errorf("%q, %v; want %q", got, ok, v)
		}
	}
	want("")
	table.Put("k", Outcome[string]{now.Add(time.Second), 5, "first"})
	want("first")
	table.Put("k", Outcome[string]{now.Add(2 * time.Second), 5, "second"})
	want("second")
	now = now.Add(2*time.Second - 1)
	want("second")
	applied = 6 // a purge
	want("")
	applied = 5
	now = now.Add(1)
	want("")
	table.Put("k", Outcome[string]{now.Add(time.Second), 5, "third"})
	want("third")
	table.Remove("k")
	want("")
}

func TestSize(t *testing.T) {
	table, err := New[string, int](4, nil)
	if err != nil {
		t.Fatal(err)
	}
	always := func(Outcome[int]) bool { return true }
	key := func(i int) string { return fmt.Sprint(strings.Repeat("long", 1000), i) }
	for i := range 5 {
		table.Put(key(i), Outcome[int]{Until: time.Now().Add(time.Hour), Value: i})
		table.Get(key(0), always)
	}
	for i, there := range []bool{true, false, true, true, true} {
		if v, ok := table.Get(key(i), always); ok != there || ok && v != i {
			t.Errorf("%d: %d, %v", i, v, ok)
		}
	}
	if table.Len() != 4 {
		t.Errorf("%d outcomes", table.Len())
	}
	if _, err := New[string, int](0, nil); err == nil {
		t.Error("a table of no size is made")
	}
}

func TestConcurrentUse(t *testing.T) {
	table, err := New[string, int](8, nil)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				key := fmt.Sprint(i % 16)
				table.Put(key, Outcome[int]{until, 0, i % 16})
				if v, ok := table.Get(key, func(Outcome[int]) bool { return true }); ok && fmt.Sprint(v) != key {
					t.Errorf("%s: %d", key, v)
				}
				table.Remove(fmt.Sprint(i % 7))
			}
		})
	}
	wg.Wait()
}
