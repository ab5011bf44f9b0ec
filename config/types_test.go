package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBytesReadsUnitsAndRefusesTheRest(t *testing.T) {
	for _, c := range []struct {
		text string
		want Bytes
		ok   bool
	}{
		{"256MiB", 256 << 20, true},
		{"1GiB", 1 << 30, true},
		{"64MB", 64e6, true},
		{"1000000", 1e6, true},
		{"512KiB", 512 << 10, true},
		{"512 kib", 512 << 10, true},
		{" 2Gi ", 2 << 30, true},
		{"1.5GiB", 3 << 29, true},
		{"0.1KB", 100, true},
		{"1.9", 1, true},
		{"0", 0, true},
		{"2TiB", 2 << 40, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"9223372036854775808", 0, false},
		{"9999999TiB", 0, false},
		{"-1MiB", 0, false},
		{"+1MiB", 0, false},
		{"512M", 512e6, true},
		{"512Mi", 512 << 20, true},
		{"512MiB", 512 << 20, true},
		{"512MB", 512e6, true},
		{"1G", 1e9, true},
		{"1Gi", 1 << 30, true},
		{"1T", 1e12, true},
		{"1Ti", 1 << 40, true},
		{"64K", 64e3, true},
		{"64k", 64e3, true},
		{"64Ki", 64 << 10, true},
		{"64ki", 64 << 10, true},
		{"64KB", 64e3, true},
		{"64kB", 64e3, true},
		{"64KiB", 64 << 10, true},
		{"1.5 G", 15e8, true},
		{"512m", 0, false},
		{"1g", 0, false},
		{"1 t", 0, false},
		{"512mm", 0, false},
		{"1,5m", 0, false},
		{"m", 0, false},
		{"", 0, false},
		{"MiB", 0, false},
		{".5MiB", 0, false},
		{"5.MiB", 0, false},
		{"1.2.3MiB", 0, false},
		{"1e9", 0, false},
		{"0x10", 0, false},
		{"1/2", 0, false},
		{strings.Repeat("1", maxNumber+1), 0, false},
		{"off", 0, false},
	} {
		var got Bytes
		err := got.UnmarshalText([]byte(c.text))
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%q: got %d, %v; want %d, ok %v", c.text, got, err, c.want, c.ok)
		}
	}
}

// What Docker and Kubernetes read differently is refused with both spellings.
func TestSmallUnitLettersAreRefusedWithWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"512m":  "write 512MiB (binary) or 512M (decimal)",
		"1.5 g": "write 1.5GiB (binary) or 1.5G (decimal)",
		"2t":    "write 2TiB (binary) or 2T (decimal)",
	} {
		var b Bytes
		var c CacheSize
		for _, err := range []error{b.UnmarshalText([]byte(text)), c.UnmarshalText([]byte(text))} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v does not say %s", text, err, want)
			}
		}
	}
}

func TestBareNumbers(t *testing.T) {
	for text, want := range map[string]bool{
		"10": true, " 1000000 ": true, "1.5": true,
		"0": false, "0.0": false, "": false, "off": false, "10B": false, "10 MiB": false, "-1": false, ".": false,
	} {
		if got := isBareNumber(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestBytesPrintsTheShortestBinaryForm(t *testing.T) {
	for n, want := range map[Bytes]string{
		0:              "0",
		1:              "1",
		1000:           "1000",
		1024:           "1KiB",
		1536 << 20:     "1.5GiB",
		512 << 10:      "512KiB",
		256 << 20:      "256MiB",
		1000000:        "1000000",
		1<<30 + 1<<20:  "1025MiB",
		1 << 40:        "1TiB",
		1030 << 10:     "1030KiB",
		62500 << 10:    "62500KiB",
		1<<20 + 1<<17:  "1152KiB",
		1<<20 + 1<<19:  "1.5MiB",
		-5:             "-5",
		math.MaxInt64:  "9223372036854775807",
		2<<40 + 51<<30: "2099GiB",
	} {
		if got := n.String(); got != want {
			t.Errorf("%d: got %s, want %s", int64(n), got, want)
		}
	}
}

func TestPixelsReadsMegapixels(t *testing.T) {
	for _, c := range []struct {
		text  string
		want  Pixels
		print string
	}{
		{"100MP", 100e6, "100MP"},
		{"50.5MP", 50_500_000, "50.5MP"},
		{"50.5 mp", 50_500_000, "50.5MP"},
		{"1000000", 1e6, "1MP"},
		{"999px", 999, "999"},
		{"1.000001MP", 1_000_001, "1000001"},
	} {
		var got Pixels
		if err := got.UnmarshalText([]byte(c.text)); err != nil || got != c.want || got.String() != c.print {
			t.Errorf("%q: got %d (%s), %v; want %d (%s)", c.text, got, got, err, c.want, c.print)
		}
	}
	for _, text := range []string{"", "100MiB", "-1", "10M", "99999999999999MP"} {
		var got Pixels
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestSizesAreReadBackFromWhatTheyPrint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(
			rapid.Int64Range(0, math.MaxInt64),
			rapid.Map(rapid.Int64Range(0, 1<<20), func(n int64) int64 { return n << 20 }),
			rapid.Map(rapid.Int64Range(0, 1<<20), func(n int64) int64 { return n * 10_000 }),
		).Draw(t, "n")
		var b Bytes
		if err := b.UnmarshalText([]byte(Bytes(n).String())); err != nil || int64(b) != n {
			t.Fatalf("bytes %d print as %s and are read as %d, %v", n, Bytes(n), b, err)
		}
		var p Pixels
		if err := p.UnmarshalText([]byte(Pixels(n).String())); err != nil || int64(p) != n {
			t.Fatalf("pixels %d print as %s and are read as %d, %v", n, Pixels(n), p, err)
		}
	})
}

func TestCacheSizeCanBeOff(t *testing.T) {
	for text, want := range map[string]CacheSize{"off": CacheOff, " OFF ": CacheOff, "0": CacheOff, "0MiB": CacheOff,
		"64MiB": 64 << 20} {
		var got CacheSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	var got CacheSize
	if err := got.UnmarshalText([]byte("on")); err == nil {
		t.Error("on is no size")
	}
}

func TestPrefixesTakesNetworksAndAddresses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"10.1.2.3/8", "10.0.0.0/8"},
		{"192.168.1.7", "192.168.1.7/32"},
		{"::1", "::1/128"},
		{"fd00::/8, 10.0.0.1 ,", "fd00::/8,10.0.0.1/32"},
		{"::ffff:10.0.0.1", "10.0.0.1/32"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"", ""},
	} {
		var got Prefixes
		if err := got.UnmarshalText([]byte(c.text)); err != nil || got.String() != c.want {
			t.Errorf("%q: got %s, %v; want %s", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"10.0.0.0/33", "10.0.0", "localhost", "fe80::1%eth0", "10.0.0.0/-1",
		"::ffff:0.0.0.0/64", "10.0.0.0/8/8"} {
		var got Prefixes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestPrefixesAddsUp(t *testing.T) {
	var got Prefixes
	for _, text := range []string{"10.0.0.0/8", "::1"} {
		if err := got.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got.String() != "10.0.0.0/8,::1/128" {
		t.Errorf("got %s", got)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "736563726574"
	settings := Serve{Keys: Keys{Key: text}}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("x", "key", settings.Key, "all", settings)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", settings.Key, "all", settings)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s"} {
		fmt.Fprintf(&log, verb+" "+verb+" "+verb+"\n", settings.Key, settings, &settings)
	}
	encoded, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(encoded)
	if strings.Contains(all, text) || strings.Contains(all, fmt.Sprintf("%x", text)) {
		t.Errorf("the secret shows in %s", all)
	}
	if !strings.Contains(all, "(secret)") {
		t.Error("nothing says that there is a secret")
	}
	if string(settings.Key) != text {
		t.Error("the secret is lost")
	}
}

func FuzzBytes(f *testing.F) {
	for _, seed := range []string{
		"256MiB", "1.5 gb", "1000000", "-1", "99999999999999999999TiB", "1/2", "0.0000001KiB", "512\u212Aib", "512m", "1G", "64k",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b, again Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil {
			return
		}
		if b < 0 {
			t.Fatalf("%q is negative: %d", text, b)
		}
		if err := again.UnmarshalText([]byte(b.String())); err != nil || again != b {
			t.Fatalf("%q: %d prints as %s, read as %d, %v", text, b, b, again, err)
		}
		var c CacheSize
		if err := c.UnmarshalText([]byte(text)); err != nil || (c == CacheOff) != (b == 0) {
			t.Fatalf("%q is %d bytes but the cache size %d, %v", text, b, c, err)
		}
	})
}

func FuzzPixels(f *testing.F) {
	for _, seed := range []string{"100MP", "50.5mp", "1000000", "1px", ".", "9223372036854775807"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p, again Pixels
		if err := p.UnmarshalText([]byte(text)); err != nil {
			return
		}
		if err := again.UnmarshalText([]byte(p.String())); p < 0 || err != nil || again != p {
			t.Fatalf("%q: %d prints as %s, read as %d, %v", text, p, p, again, err)
		}
	})
}

func FuzzPrefixes(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8,::1", "::ffff:10.0.0.0/104", "fe80::1%eth0/64", "1.2.3.4/", ",,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p, again Prefixes
		if err := p.UnmarshalText([]byte(text)); err != nil {
			return
		}
		for _, network := range p {
			if !network.IsValid() || network != network.Masked() || network.Addr().Is4In6() {
				t.Fatalf("%q: %s is not in its plain form", text, network)
			}
		}
		if err := again.UnmarshalText([]byte(p.String())); err != nil || again.String() != p.String() {
			t.Fatalf("%q: %s is read as %s, %v", text, p, again, err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add("736563726574", "68656C6C6F")
	f.Add("aa,bb", "cc")
	f.Add("zz,,a", " 00 ,")
	f.Fuzz(func(t *testing.T, key, salt string) {
		keys := Keys{Key: Secret(key), Salt: Secret(salt)}
		pairs, err := keys.Pairs()
		if err != nil {
			return
		}
		if key == "" && salt == "" {
			if len(pairs) != 0 {
				t.Fatal("pairs out of nothing")
			}
			return
		}
		if len(pairs) != strings.Count(key, ",")+1 {
			t.Fatalf("%q gives %d pairs", key, len(pairs))
		}
		for _, pair := range pairs {
			if len(pair.Key) == 0 || len(pair.Salt) == 0 {
				t.Fatalf("%q, %q give an empty key or salt", key, salt)
			}
		}
	})
}
