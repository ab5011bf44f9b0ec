package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// A shared result that there is no memory for is made here: no request was shed, and no metric says so.
func TestMemoryForASharedResultShedsNobody(t *testing.T) {
	r := newRig(t, nil)
	transforms := r.server.memory.Budgets.Transforms
	all := transforms.Stats().Capacity
	hold := func() *budget.Grant {
		g, err := transforms.Acquire(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	for range 3 { // the budget learns that grants are held for longer than the read below may wait
		g := hold()
		time.Sleep(20 * time.Millisecond)
		g.Release()
	}
	g := hold()
	reserve := r.server.reserveShared(cacheRequest{})
	for bytes, want := range map[int64]error{all: budget.ErrSaturated, all + 1: budget.ErrTooLarge} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := reserve(ctx, bytes); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", bytes, err)
		}
		cancel()
	}
	g.Release()
	if st := transforms.Stats(); st.Declined != 2 {
		t.Errorf("%+v", st)
	}
	counted := regexp.MustCompile(`pictor_budget_(shed|too_large)_total\{budget="transforms".*\} [1-9]`)
	w := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8081/metrics", nil))
	if m := counted.FindString(w.Body.String()); m != "" || w.Code != http.StatusOK {
		t.Error(m)
	}
}
