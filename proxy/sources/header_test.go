package sources

import "testing"

// A fetch that others may take for one of the whole source is one. Requests for the header alone share theirs.
func TestFlightsOfHeaders(t *testing.T) {
	sources := newTestStore(t)
	header, whole := Request{Identity: "a", HeaderOnly: true}, Request{Identity: "a"}
	if key, w := sources.flightOf(header); key == header.ID() || !w.HeaderOnly {
		t.Errorf("header: %q, %v", key, w.HeaderOnly)
	}
	if key, w := sources.flightOf(whole); key != whole.ID() || w.HeaderOnly {
		t.Errorf("whole: %q, %v", key, w.HeaderOnly)
	}
	work := hangingWork{make(chan struct{})}
	defer close(work.end)
	sources.flights.Start(whole.ID(), work)
	if key, w := sources.flightOf(header); key != whole.ID() || w.HeaderOnly {
		t.Errorf("header beside a fetch of the whole: %q, %v", key, w.HeaderOnly)
	}
	other := Request{Identity: "a", CacheBuster: "1", HeaderOnly: true}
	if key, w := sources.flightOf(other); key == whole.ID() || !w.HeaderOnly {
		t.Errorf("header of another source: %q, %v", key, w.HeaderOnly)
	}
}
