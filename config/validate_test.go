package config

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// valid is the defaults with a good key.
func valid(t *testing.T) *Serve {
	t.Helper()
	s := &Serve{}
	if err := kong.ApplyDefaults(s); err != nil && !strings.Contains(err.Error(), "no signing key") {
		t.Fatal(err)
	}
	s.Key = Secret(strings.Repeat("0a", 32))
	s.Salt = Secret(strings.Repeat("0b", 32))
	return s
}

func TestDefaultsWithAKeyAreValid(t *testing.T) {
	s := valid(t)
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	if w := s.Warnings(); len(w) != 0 {
		t.Error(w)
	}
	if s.Address() != ":8080" || s.Level() != slog.LevelInfo || s.TTLMax != 8760*time.Hour ||
		s.QueueWait != 20*time.Second {
		t.Errorf("got %+v", s)
	}
}

// faults are changes to valid settings, and what Validate has to say of each;
// "" where the settings stay valid.
var faults = []struct {
	name   string
	change func(*Serve)
	want   string
}{
	{"no key", func(s *Serve) { s.Key, s.Salt = "", "" }, "no signing key: set --key and --salt (run `pictor keys` for a fresh pair)"},
	{"insecure without key", func(s *Serve) { s.Key, s.Salt, s.Insecure = "", "", true }, ""},
	{"dev without key", func(s *Serve) { s.Key, s.Salt, s.Dev = "", "", true }, ""},
	{"key without salt", func(s *Serve) { s.Salt = "" }, "--key holds 1 and --salt 0"},
	{"salt without key", func(s *Serve) { s.Key = "" }, "--key holds 0 and --salt 1"},
	{"salt without key, insecure", func(s *Serve) { s.Key, s.Insecure = "", true }, "--key holds 0 and --salt 1"},
	{"two pairs", func(s *Serve) { s.Key, s.Salt = "aa, bb", "cc,DD" }, ""},
	{"a short key is allowed", func(s *Serve) { s.Key = "736563726574" }, ""},
	{"not hexadecimal", func(s *Serve) { s.Key = "aa,xy" }, "entry 2 of --key is not hexadecimal"},
	{"odd", func(s *Serve) { s.Salt = "aaa" }, "entry 1 of --salt has an odd number"},
	{"empty entry", func(s *Serve) { s.Key = "aa," }, "entry 2 of --key is empty"},
	{"signature too short", func(s *Serve) { s.SignatureSize = 7 }, "--signature-size is 7"},
	{"signature too long", func(s *Serve) { s.SignatureSize = 33 }, "--signature-size is 33"},
	{"signature short but allowed", func(s *Serve) { s.SignatureSize = 8 }, ""},
	{"admin off", func(s *Serve) { s.AdminListen = "OFF" }, ""},
	{"admin on loopback", func(s *Serve) { s.AdminListen = "[::1]:0" }, ""},
	{"admin without port", func(s *Serve) { s.AdminListen = "127.0.0.1" }, `--admin-listen is "127.0.0.1"`},
	{"admin for all without a token", func(s *Serve) { s.AdminListen = ":8081" }, "set --admin-token"},
	{"admin for all with a token", func(s *Serve) { s.AdminListen, s.AdminToken = ":8081", "x" }, ""},
	{"listen on a name", func(s *Serve) { s.Listen = "localhost:80" }, ""},
	{"listen without port", func(s *Serve) { s.Listen = "127.0.0.1" }, `--listen is "127.0.0.1"`},
	{"listen on no number", func(s *Serve) { s.Listen = ":http" }, `--listen is ":http"`},
	{"listen beyond the ports", func(s *Serve) { s.Listen = ":65536" }, "--listen is"},
	{"dev on any address", func(s *Serve) { s.Dev, s.Listen = true, ":8080" }, "--dev serves on loopback only"},
	{"dev on a public address", func(s *Serve) { s.Dev, s.Listen = true, "192.0.2.1:80" }, "--dev serves on loopback only"},
	{"dev on a name", func(s *Serve) { s.Dev, s.Listen = true, "example.com:80" }, "--dev serves on loopback only"},
	{"dev on loopback", func(s *Serve) { s.Dev, s.Listen = true, "[::1]:0" }, ""},
	{"dev on localhost", func(s *Serve) { s.Dev, s.Listen = true, "localhost:80" }, ""},
	{"negative limit", func(s *Serve) { s.MemoryLimit = -1 }, "--memory-limit is"},
	{"negative workers", func(s *Serve) { s.Workers = -1 }, "--workers is -1"},
	{"most workers", func(s *Serve) { s.Workers = 256 }, ""},
	{"too many workers", func(s *Serve) { s.Workers = 257 }, "--workers is 257"},
	{"ttl 0", func(s *Serve) { s.TTL, s.TTLMax = 0, 0 }, ""},
	{"negative ttl", func(s *Serve) { s.TTL = -1 }, "--ttl is"},
	{"negative ttl-min", func(s *Serve) { s.TTLMin = -1 }, "--ttl-min is"},
	{"ttl upside down", func(s *Serve) { s.TTLMin = s.TTLMax + 1 }, "--ttl-max"},
	{"ten bytes of disk cache", func(s *Serve) { s.CacheDisk = 10 },
		"--cache-disk is 10 bytes, too small for a cache: set it to 1MiB or more, like 10GiB, or to off"},
	{"almost a MiB of disk cache", func(s *Serve) { s.CacheDisk = 1<<20 - 1 }, "--cache-disk is 1048575 bytes"},
	{"least disk cache", func(s *Serve) { s.CacheDisk = 1 << 20 }, ""},
	{"no disk cache", func(s *Serve) { s.CacheDisk = CacheOff }, ""},
	{"ten bytes of memory cache", func(s *Serve) { s.CacheMemory = 10 }, "--cache-memory is 10 bytes"},
	{"least memory cache", func(s *Serve) { s.CacheMemory = 1 << 20 }, ""},
	{"no memory cache", func(s *Serve) { s.CacheMemory = CacheOff }, ""},
	{"ten bytes of sources", func(s *Serve) { s.CacheSources = 10 }, "--cache-sources is 10 bytes"},
	{"no cache of sources", func(s *Serve) { s.CacheSources = CacheOff }, ""},
	{"a source of a few bytes", func(s *Serve) { s.MaxSourceSize = 64 },
		"--max-source-size is 64 bytes, too small for an image: set it to 1KiB or more, like 64MiB"},
	{"least source size", func(s *Serve) { s.MaxSourceSize = 1024 }, ""},
	{"megapixels without MP", func(s *Serve) { s.MaxSourcePixels = 50 }, "--max-source-pixels is 50 pixels"},
	{"least pixels", func(s *Serve) { s.MaxSourcePixels = 10_000 }, ""},
	{"no source size", func(s *Serve) { s.MaxSourceSize = 0 }, "--max-source-size is 0"},
	{"no pixels", func(s *Serve) { s.MaxSourcePixels = 0 }, "--max-source-pixels is 0"},
	{"no frames", func(s *Serve) { s.MaxFrames = 0 }, "--max-frames is 0"},
	{"no pixels of animations", func(s *Serve) { s.MaxAnimationPixels = 0 }, "--max-animation-pixels is 0"},
	{"odd word on animations", func(s *Serve) { s.OnLongAnimation = "crop" }, "shorten, first-frame or error"},
	{"no side", func(s *Serve) { s.MaxOutputSide = 0 }, "--max-output-side is 0"},
	{"longest side", func(s *Serve) { s.MaxOutputSide = 65535 }, ""},
	{"side too long", func(s *Serve) { s.MaxOutputSide = 65536 }, "--max-output-side is 65536"},
	{"no fetch time", func(s *Serve) { s.FetchTimeout = 0 }, "--fetch-timeout is 0s"},
	{"no request time", func(s *Serve) { s.RequestTimeout = 0 }, "--request-timeout is 0s"},
	{"no CPU time for best", func(s *Serve) { s.BestCPU = 0 }, "--best-cpu is 0s"},
	{"best too early", func(s *Serve) { s.BestTime = -1 }, "--best-time is less than 0"},
	{"no wait", func(s *Serve) { s.QueueWait = -1 }, "--queue-wait is -1ns"},
	{"fetch longer than request", func(s *Serve) { s.FetchTimeout = time.Minute }, "--fetch-timeout (1m0s) is longer"},
	{"first byte below 0", func(s *Serve) { s.FetchFirstByteTimeout = -time.Second }, "--fetch-first-byte-timeout is -1s"},
	{"first byte later than all", func(s *Serve) { s.FetchFirstByteTimeout = 11 * time.Second }, "--fetch-first-byte-timeout (11s) is longer"},
	{"first byte as late as all", func(s *Serve) { s.FetchFirstByteTimeout = 10 * time.Second }, ""},
	{"log format", func(s *Serve) { s.LogFormat = "xml" }, `--log-format is "xml"`},
	{"log level", func(s *Serve) { s.LogLevel = "trace" }, `--log-level is "trace"`},
	{"log in capitals", func(s *Serve) { s.LogFormat, s.LogLevel = "JSON", "WARN" }, ""},
}

func TestValidateSaysWhatToChange(t *testing.T) {
	for _, c := range faults {
		s := valid(t)
		c.change(s)
		err := s.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v does not say %q", c.name, err, c.want)
		case c.want != "" && strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: one fault, several problems: %v", c.name, err)
		}
	}
}

func TestLocalRootIsAFolder(t *testing.T) {
	folder, file := t.TempDir(), write(t, "file", "x")
	for path, want := range map[string]string{
		folder:                      "",
		filepath.Join(folder, "no"): "does not exist",
		file:                        "is a file",
		filepath.Join(file, "x"):    "--local-root cannot be used",
	} {
		s := valid(t)
		s.LocalRoot = path
		err := s.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v does not say %q", path, err, want)
		}
	}
}

func TestValidateReportsAllProblemsAndNoSecret(t *testing.T) {
	err := (&Serve{Keys: Keys{Key: "feedfacez", Salt: "cafe,c0de"}, Listen: "x", AdminListen: "y",
		LocalRoot: "/does/not/exist"}).Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, flag := range []string{
		"--key", "--signature-size", "--listen", "--admin-listen", "--local-root", "--max-source-size", "--max-source-pixels", "--max-frames",
		"--max-output-side", "--fetch-timeout", "--request-timeout", "--queue-wait", "--log-format", "--log-level",
	} {
		if !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is not reported", flag)
		}
	}
	for _, part := range []string{"feed", "cafe", "c0de"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("the error shows %s", part)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Serve)
		want   string
	}{
		{"short key", func(s *Serve) { s.Key = "736563726574" }, "key 1 is only 6 bytes long"},
		{"short signature", func(s *Serve) { s.SignatureSize = 15 }, "signatures of 15 bytes"},
		{"insecure", func(s *Serve) { s.Key, s.Salt, s.Insecure = "", "", true }, "anyone who can reach this server"},
		{"insecure with keys", func(s *Serve) { s.Insecure = true }, "the keys are only used to sign"},
		{"all networks", func(s *Serve) { _ = s.AllowNetworks.UnmarshalText([]byte("::/0")) }, "every private address"},
		{"long wait", func(s *Serve) { s.QueueWait = time.Minute }, "--queue-wait is longer"},
	} {
		s := valid(t)
		c.change(s)
		if got := s.Warnings(); len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: got %q, want %q alone", c.name, got, c.want)
		}
	}
}

// It is said beside what --insecure means anyhow.
func TestPresignedSourcesForAnybody(t *testing.T) {
	s := valid(t)
	s.Insecure, s.SourceKeyIgnore = true, "X-Amz-*"
	if got := s.Warnings(); len(got) != 2 || !strings.Contains(got[1], "anyone gets cached results") {
		t.Errorf("%q", got)
	}
}

func TestAddressOfDevIsLoopback(t *testing.T) {
	s := valid(t)
	s.Dev = true
	if s.Address() != "127.0.0.1:8080" {
		t.Errorf("got %s", s.Address())
	}
	s.Listen = "[::1]:9"
	if s.Address() != "[::1]:9" {
		t.Errorf("got %s", s.Address())
	}
}

func TestLevel(t *testing.T) {
	for text, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo,
		"Warn": slog.LevelWarn, "error": slog.LevelError} {
		if got := (&Serve{LogLevel: text}).Level(); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestFirstByteTimeoutIsHalfOfTheFetch(t *testing.T) {
	for _, tc := range []struct{ fetch, first, want time.Duration }{
		{10 * time.Second, 0, 5 * time.Second}, {2 * time.Minute, 0, time.Minute}, {10 * time.Second, 7 * time.Second, 7 * time.Second},
	} {
		if got := (&Serve{FetchTimeout: tc.fetch, FetchFirstByteTimeout: tc.first}).FirstByteTimeout(); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
