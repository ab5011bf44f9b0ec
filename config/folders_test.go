package config

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestDirectoriesOfAServerAndOfATrial(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the names are those of the XDG Base Directory Specification")
	}
	t.Setenv("HOME", "/home/u")
	for _, c := range []struct {
		name, xdgCache, xdgState string
		set                      Serve
		cache, state             string
	}{
		{"a server", "", "", Serve{}, "/home/u/.cache", "/home/u/.local/state/pictor"},
		{"a trial", "", "", Serve{Dev: true}, "/home/u/.cache/pictor-dev", "/home/u/.local/state/pictor-dev"},
		{"a server, XDG", "/x/c", "/x/s", Serve{}, "/x/c", "/x/s/pictor"},
		{"a trial, XDG", "/x/c", "/x/s", Serve{Dev: true}, "/x/c/pictor-dev", "/x/s/pictor-dev"},
		{"a relative XDG directory does not count", "/x/c", "s", Serve{}, "/x/c", "/home/u/.local/state/pictor"},
		{"a trial, set", "", "", Serve{Dev: true, CacheDir: "/c", StateDir: "/s"}, "/c", "/s"},
		{"a server, set", "", "", Serve{CacheDir: "/c", StateDir: "/s"}, "/c", "/s"},
		{"a trial without a cache", "", "", Serve{Dev: true, CacheDisk: CacheOff}, "", "/home/u/.local/state/pictor-dev"},
	} {
		t.Setenv("XDG_CACHE_HOME", c.xdgCache)
		t.Setenv("XDG_STATE_HOME", c.xdgState)
		cache, err := c.set.CacheFolder()
		state, wrong := c.set.StateFolder()
		if err != nil || wrong != nil || cache != filepath.FromSlash(c.cache) || state != filepath.FromSlash(c.state) {
			t.Errorf("%s: %q %q, %v %v; want %q %q", c.name, cache, state, err, wrong, c.cache, c.state)
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("XDG_STATE_HOME", "")
	for _, dev := range []bool{false, true} {
		s := Serve{Dev: dev}
		if _, err := s.CacheFolder(); err == nil || !strings.Contains(err.Error(), "set --cache-dir") {
			t.Errorf("no home, dev %v: %v", dev, err)
		}
		if _, err := s.StateFolder(); err == nil || !strings.Contains(err.Error(), "set --state-dir") {
			t.Errorf("no home, dev %v: %v", dev, err)
		}
	}
}
