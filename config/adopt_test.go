package config

import (
	"slices"
	"testing"
	"time"
)

func TestAdopt(t *testing.T) {
	load := func(text string) *Serve {
		s, err := Load([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	now := load("key: 00\nsalt: 01\nttl: 1h\nallow-networks: 10.0.0.0/8\nlisten: :1")
	next := load("key: 02\nsalt: 01\nttl: 2h\nallow-networks: 10.0.0.0/8, 11.0.0.0/8\nlisten: :2\npresets: a=w:1")
	before := *now
	mayChange := []string{"key", "presets", "listen"}
	taken, left, err := now.Adopt(next, func(name string) bool { return slices.Contains(mayChange, name) })
	if err != nil || !slices.Equal(taken, []string{"key", "presets"}) ||
		!slices.Equal(left, []string{"listen", "ttl", "allow-networks"}) {
		t.Error(taken, left, err)
	}
	if string(now.Key) != "02" || now.Presets != "a=w:1" || now.TTL != time.Hour || now.Salt != before.Salt ||
		len(now.AllowNetworks) != 1 || string(before.Key) != "00" {
		t.Errorf("%+v", now)
	}
	if taken, left, err := now.Adopt(now, func(string) bool { return true }); len(taken)+len(left) > 0 || err != nil {
		t.Error(taken, left, err)
	}
}
