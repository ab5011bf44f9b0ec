package origin

import (
	"errors"
	"net/netip"
	"testing"
)

// A Fetcher made With another goes on where that stands; the other one then refuses what the new one does, and nothing
// changes before it has taken its place.
func TestWithTakesOver(t *testing.T) {
	first := newFetcher(t, Config{})
	listed, err := ParseSourceRule("a.example")
	if err != nil {
		t.Fatal(err)
	}
	const other = "https://b.example/x.jpg"
	second, err := first.With(Config{Allow: []SourceRule{listed}, MaxBytes: 7})
	if err != nil {
		t.Fatal(err)
	}
	if first.Permits(other) != nil || !errors.Is(second.Permits(other), ErrSourceNotAllowed) {
		t.Error(first.Permits(other), second.Permits(other))
	}
	if second.transport != first.transport || second.breakers != first.breakers || second.cfg.ID != first.cfg.ID ||
		second.cfg.MaxBytes != 7 || first.cfg.MaxBytes == 7 {
		t.Error("it does not go on where the other one stands")
	}
	second.Succeed(first)
	if !errors.Is(first.Permits(other), ErrSourceNotAllowed) || first.Permits("https://a.example/x.jpg") != nil {
		t.Error(first.Permits(other))
	}
	third, err := second.With(Config{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	third.Succeed(second)
	third.Succeed(third)
	if third.transport == second.transport || first.Permits(other) != nil {
		t.Error("the first one does not go by the newest", first.Permits(other))
	}
	if _, err := third.With(Config{MaxBytes: -1}); err == nil {
		t.Error("a wrong Config is taken")
	}
	third.Close()
}
