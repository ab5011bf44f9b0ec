package sources

import "testing"

// A fetch that others may take for one of the whole source is one. Requests for the header alone share theirs.
func TestFlightsOfHeaders(t *testing.T) {
	sources := newTestStore(t)
	header, whole := Request{Identity: "a", Needs: Header}, Request{Identity: "a"}
	keys := map[string]bool{}
	for _, part := range []Part{Whole, Header, HeaderAndMetadata} {
		key, w := sources.flightOf(Request{Identity: "a", Needs: part})
		if (key == whole.ID()) != (part == Whole) || w.Needs != part {
			t.Errorf("%v: %q, %v", part, key, w.Needs)
		}
		keys[key] = true
	}
	if len(keys) != 3 {
		t.Error(keys)
	}
	work := hangingWork{make(chan struct{})}
	defer close(work.end)
	sources.flights.Start(whole.ID(), work)
	if key, w := sources.flightOf(header); key != whole.ID() || w.Needs != Whole {
		t.Errorf("header beside a fetch of the whole: %q, %v", key, w.Needs)
	}
	other := Request{Identity: "a", CacheBuster: "1", Needs: Header}
	if key, w := sources.flightOf(other); key == whole.ID() || w.Needs != Header {
		t.Errorf("header of another source: %q, %v", key, w.Needs)
	}
}
