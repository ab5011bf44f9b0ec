package origin

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// plain begins like a PNG. brotli is it by Node's zlib, zstandard by zstd 1.5.
const (
	plain     = "\x89PNG\r\n\x1a\npicture picture picture"
	brotli    = "1b1e00f88dc4382672116fb652012ab11b348e9c542fc29403ec70072d0c"
	zstandard = "28b52ffd0458b500008089504e470d0a1a0a70696374757265200100d6952543ff79fb"
)

func unhexed(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func gzipped(s string) string { return string(zipped([]byte(s))) }

func zlibbed(s string) string {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	io.WriteString(z, s)
	z.Close()
	return out.String()
}

func deflated(s string) string {
	var out bytes.Buffer
	z, _ := flate.NewWriter(&out, flate.BestCompression)
	io.WriteString(z, s)
	z.Close()
	return out.String()
}

// coded serves a body under headers that the test changes, with its length and
// without.
type coded struct {
	encodings []string
	body      string
	chunked   bool
}

func (c *coded) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Encoding"] = c.encodings
	if c.chunked {
		w.(http.Flusher).Flush()
	} else {
		w.Header().Set("Content-Length", fmt.Sprint(len(c.body)))
	}
	io.WriteString(w, c.body)
}

// Words that are no coding leave all bytes as they are, whatever bytes.
func TestWordsThatAreNoCoding(t *testing.T) {
	var c coded
	url := serve(t, c.ServeHTTP)
	f := newFetcher(t, Config{AllowNetworks: loopback})
	base64ed := base64.StdEncoding.EncodeToString([]byte(plain))
	for _, word := range []string{
		"base64", "aws-chunked", "utf-8", "UTF-8", "none", "null", "undefined", "identity", "binary", "8bit",
		"image/jpeg", "jpeg", "raw",
		"gzipped", "x-br", "brotli", "gzip;q=1", "*", "\"gzip\"", "\xe4", "",
	} {
		for _, encodings := range [][]string{
			{word}, {strings.ToUpper(word)}, {" \t" + word + " "}, {word + ", identity"}, {"," + word + ",,"},
			{word, word}, {"", word}, {"aws-chunked", word + ",none"},
		} {
			for _, body := range []string{plain, gzipped(plain), base64ed, "text"} {
				for _, c.chunked = range []bool{false, true} {
					c.encodings, c.body = encodings, body
					if got, meta, err := fetch(t, f, url); err != nil || got != body || meta.Size != int64(len(body)) {
						t.Errorf("%q, %.10q, chunked %v: %.10q, %+v, %v", encodings, body, c.chunked, got, meta, err)
					}
				}
			}
		}
	}
}

func TestCodings(t *testing.T) {
	var c coded
	url := serve(t, c.ServeHTTP)
	f := newFetcher(t, Config{AllowNetworks: loopback})
	const (
		jpeg = "\xff\xd8\xff\xe0 and more of it"
		webp = "RIFF\x10\x00\x00\x00WEBPVP8 "
		avif = "\x00\x00\x00\x1cftypavif...."
	)
	for _, tc := range []struct {
		name, body string
		encodings  []string
		want       string
		err        error
	}{
		{"gzip", gzipped(plain), []string{"gzip"}, plain, nil},
		{"in capitals", gzipped(plain), []string{"GZip"}, plain, nil},
		{"its old name", gzipped(plain), []string{"x-gzip"}, plain, nil},
		{"of two members", gzipped(plain[:9]) + gzipped(plain[9:]), []string{"gzip"}, plain, nil},
		{"of what is no image", gzipped("text"), []string{"gzip"}, "text", nil},
		{"of nothing", gzipped(""), []string{"gzip"}, "", nil},
		{"deflate, which is zlib", zlibbed(plain), []string{"deflate"}, plain, nil},
		{"deflate without zlib", deflated(plain), []string{"Deflate"}, plain, nil},
		{"deflate of nothing", zlibbed(""), []string{"deflate"}, "", nil},
		{"raw deflate of nothing", deflated(""), []string{"deflate"}, "", nil},
		{"with no coding", gzipped(plain), []string{"aws-chunked,gzip, none"}, plain, nil},
		{"with no coding, in lines", zlibbed(plain), []string{"utf-8", "deflate", ""}, plain, nil},
		{"twice", gzipped(gzipped(plain)), []string{"gzip, x-gzip"}, plain, nil},
		{"two of them", gzipped(zlibbed(plain)), []string{"deflate", "gzip"}, plain, nil},
		{"twice but once", gzipped(plain), []string{"gzip", "gzip"}, plain, nil},
		{"never, of two", plain, []string{"deflate, gzip"}, plain, nil},
		{"br within gzip but not", gzipped(plain), []string{"br, gzip"}, plain, nil},

		{"not gzip but JPEG", jpeg, []string{"gzip"}, jpeg, nil},
		{"not deflate but WebP", webp, []string{"deflate"}, webp, nil},
		{"not br but AVIF", avif, []string{"br"}, avif, nil},
		{"not zstd but GIF", "GIF87a and more", []string{"zstd"}, "GIF87a and more", nil},
		{"not compress but PNG", plain, []string{"compress"}, plain, nil},

		{"br", unhexed(brotli), []string{"br"}, "", ErrCoding},
		{"zstd", unhexed(zstandard), []string{"ZSTD"}, "", ErrCoding},
		{"compress", "\x1f\x9d\x90abcdef", []string{"x-compress"}, "", ErrCoding},
		{"a dictionary", "\xffDCB", []string{"dcb"}, "", ErrCoding},
		{"br of nothing", "", []string{"br"}, "", ErrCoding},
		{"br with no coding", unhexed(brotli), []string{"br, utf-8"}, "", ErrCoding},
		{"br within gzip", gzipped(unhexed(brotli)), []string{"br, gzip"}, "", ErrCoding},
		{"gzip within zstd", unhexed(zstandard), []string{"gzip", "zstd"}, "", ErrCoding},
		{"three", plain, []string{"gzip,gzip", "gzip"}, "", ErrCoding},

		{"gzip of text that is none", "<html>no image, no gzip", []string{"gzip"}, "", ErrEncoding},
		{"gzip that is deflate", zlibbed(plain), []string{"gzip"}, "", ErrEncoding},
		{"deflate that is gzip", gzipped(plain), []string{"deflate"}, "", ErrEncoding},
		{"gzip with junk behind it", gzipped(plain) + "some more of it", []string{"gzip"}, "", ErrEncoding},
		{"gzip within gzip but text", gzipped("a text that is long"), []string{"gzip,gzip"}, "", ErrEncoding},
		{"gzip that is nothing", "", []string{"gzip"}, "", ErrTruncated},
		{"deflate that is nothing", "", []string{"deflate"}, "", ErrTruncated},
	} {
		for _, c.chunked = range []bool{false, true} {
			c.encodings, c.body = tc.encodings, tc.body
			got, meta, err := fetch(t, f, url)
			if !errors.Is(err, tc.err) || err == nil && (got != tc.want || meta.Size != int64(len(tc.want))) {
				t.Errorf("%s, chunked %v: %q, %+v, %v", tc.name, c.chunked, got, meta, err)
			}
			if (tc.err == ErrCoding || tc.err == ErrEncoding) &&
				!strings.Contains(err.Error(), "the origin should send it") {
				t.Errorf("%s: %v does not say what to do", tc.name, err)
			}
		}
	}
}

// Every byte of compressed data is needed: cut anywhere, or with a bit changed
// where a checksum is, it is refused.
func TestCodedBodiesAreWholeOrRefused(t *testing.T) {
	var c coded
	url := serve(t, c.ServeHTTP)
	f := newFetcher(t, Config{AllowNetworks: loopback})
	for _, tc := range []struct {
		encoding, body string
		sum            int
	}{
		{"gzip", gzipped(plain), 8}, {"deflate", zlibbed(plain), 4}, {"deflate", deflated(plain), 0},
		{"gzip, deflate", zlibbed(gzipped(plain)), 4},
	} {
		c.encodings = []string{tc.encoding}
		for n := range len(tc.body) {
			c.body = tc.body[:n]
			if got, _, err := fetch(t, f, url); !errors.Is(err, ErrTruncated) {
				t.Errorf("%s, %d of %d bytes: %q, %v", tc.encoding, n, len(tc.body), got, err)
			}
		}
		for i := len(tc.body) - tc.sum; i < len(tc.body); i++ {
			b := []byte(tc.body)
			b[i] ^= 1
			c.body = string(b)
			if _, _, err := fetch(t, f, url); !errors.Is(err, ErrEncoding) {
				t.Errorf("%s, byte %d changed: %v", tc.encoding, i, err)
			}
		}
	}
}

// What inflates is bounded at each step of it, and reserved before it is written.
func TestBombs(t *testing.T) {
	const most = 1 << 20
	var c coded
	url := serve(t, c.ServeHTTP)
	f := newFetcher(t, Config{AllowNetworks: loopback, MaxBytes: most})
	big := strings.Repeat("\x00", 8*most)
	hollow := strings.Repeat(gzipped(""), 2*most/len(gzipped("")))
	for _, tc := range []struct {
		name, encoding, body string
		err                  error
	}{
		{"the most", "gzip", gzipped(big[:most]), nil},
		{"the most by zlib", "deflate", zlibbed(big[:most]), nil},
		{"one more", "gzip", gzipped(big[:most+1]), ErrTooLarge},
		{"gzip", "gzip", gzipped(big), ErrTooLarge},
		{"zlib", "deflate", zlibbed(big), ErrTooLarge},
		{"deflate", "deflate", deflated(big), ErrTooLarge},
		{"gzip of gzip", "gzip, gzip", gzipped(gzipped(big)), ErrTooLarge},
		{"gzip of much that is nothing", "gzip, gzip", gzipped(hollow), ErrTooLarge},
		{"zlib with much behind it", "deflate", zlibbed(plain) + big, ErrTooLarge},
		{"an image that says gzip", "gzip", plain + big, ErrTooLarge},
	} {
		c.encodings, c.body, c.chunked = []string{tc.encoding}, tc.body, true
		var reserved, written int64
		reserve := func(n int64) error { reserved += n; return nil }
		w := writerFunc(func(p []byte) (int, error) {
			if written += int64(len(p)); written > reserved {
				t.Errorf("%s: written before it was reserved", tc.name)
			}
			return len(p), nil
		})
		_, err := f.Fetch(context.Background(), url, w, reserve)
		if !errors.Is(err, tc.err) || written > most || reserved > most {
			t.Errorf("%s: %v, %d written, %d reserved", tc.name, err, written, reserved)
		}
	}
}

// A 304 about a coded entity is about that entity: the tag is its own.
func TestRevalidateCoded(t *testing.T) {
	for _, encoding := range []string{"gzip", "br", "base64"} {
		for _, tag := range []string{`"v1-gzip"`, `W/"v1-gzip"`, ""} { // the 304's
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", encoding)
				if r.Header.Get("If-None-Match") != `"v1-gzip"` {
					t.Errorf("asked with %q", r.Header.Get("If-None-Match"))
				}
				if tag != "" {
					w.Header().Set("ETag", tag)
				}
				w.WriteHeader(http.StatusNotModified)
			})
			var b bytes.Buffer
			f := newFetcher(t, Config{AllowNetworks: loopback})
			_, changed, err := f.Revalidate(context.Background(), url, Client{}, Validators{ETag: `"v1-gzip"`}, &b, nil)
			if err != nil || changed || b.Len() > 0 {
				t.Errorf("%s, %s: changed %v, %v, %q", encoding, tag, changed, err, b.String())
			}
		}
	}
}

func FuzzCodings(f *testing.F) {
	for _, s := range []string{"gzip", "GZIP , x-gzip", "br,,base64", "aws-chunked\t,zstd", "\x00gzip", `"gzip,br"`,
		""} {
		f.Add(s, "deflate")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		both := appliedCodings([]string{a, b})
		if joined := appliedCodings([]string{a + "," + b}); !slices.Equal(both, joined) {
			t.Fatalf("%q and %q: %q in lines, %q in one", a, b, both, joined)
		}
		if !slices.Equal(both, append(appliedCodings([]string{a}), appliedCodings([]string{b})...)) {
			t.Fatalf("%q and %q are not read apart", a, b)
		}
		padded := appliedCodings([]string{"none, " + a + " ", "", "\t" + b + ",base64"})
		if !slices.Equal(both, padded) {
			t.Fatalf("%q and %q: %q, among others %q", a, b, both, padded)
		}
		for _, name := range both {
			if registered[name] != name || !strings.Contains(strings.ToLower(a+","+b), name) {
				t.Fatalf("%q and %q have %q", a, b, name)
			}
		}
		if len(both) > strings.Count(a+","+b, ",")+1 {
			t.Fatalf("%q and %q have %q", a, b, both)
		}
	})
}
