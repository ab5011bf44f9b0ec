package config

import (
	"errors"
	"testing"
)

// FuzzLoad: whatever a file of settings says, it is settings or an error that says
// that it is the file's.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{"", "key: aa\nsalt: bb\n", "ttl: 1h\ncache-memory: off\n", "max-source-size: 1 KiB",
		"allow-networks: [10.0.0.0/8, ::1]",
		"presets: {card: \"w:1\"}", "insecure: yes\nworkers: -1", "thumbor-truncate: 99999999999999999999",
		"listen: [a, b]", "dev: {}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Load(data)
		if err != nil && !errors.Is(err, ErrSetting) {
			t.Fatalf("%q: %v", data, err)
		}
		if err == nil && (s.Workers < 0 || s.TTL < 0 || s.MaxSourceSize < 0) {
			t.Fatalf("%q: %+v", data, s)
		}
	})
}
