package e2e

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// askAsIs requests a target as it stands, in whatever spelling, and gives the status and the code of an error.
func (s *server) askAsIs(target string) (status int, code string) {
	s.t.Helper()
	host := strings.TrimPrefix(s.url, "http://")
	resp, err := client.Do(&http.Request{Method: http.MethodGet, Host: host,
		URL: &url.URL{Scheme: "http", Host: host, Opaque: target}})
	if err != nil {
		s.t.Fatalf("%s: %v", target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s: %v", target, err)
	}
	code, _, _ = strings.Cut(string(body), ": ")
	return resp.StatusCode, code
}

// serveBounded is a server that serves widths of 40 and 80 of a site's /open/ without a signature, and the site.
func serveBounded(t *testing.T) (s *server, site *site, disk string) {
	site, disk = newSite(t), t.TempDir()
	site.put("/open/a.png", photo(200, 100))
	site.put("/secret/a.png", photo(200, 100))
	rule := site.URL + "/open/"
	return serveLocal(t, "--unsigned", "--unsigned-sources", rule, "--unsigned-widths", "40,80",
		"--unsigned-formats", "webp", "--unsigned-presets", "card", "--presets", "card=w:60,secret=w:61",
		"--cache-dir", disk), site, disk
}

// wantNothing wants no request at the origin, no fill and no entry, in memory or on disk.
func (s *server) wantNothing(site *site, disk string) {
	s.t.Helper()
	for _, metric := range []string{"cache_fills_total", "cache_entries", "cache_bytes"} {
		s.counted("\npictor_" + metric + " 0\n")
	}
	site.mu.Lock()
	defer site.mu.Unlock()
	if len(site.asked) != 0 {
		s.t.Errorf("the origin was asked: %v", site.asked)
	}
	for _, folder := range []string{"results", "sources"} {
		in := filepath.Join(disk, "pictor-v1", folder)
		err := filepath.WalkDir(in, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				s.t.Errorf("there is a record: %s", path)
			}
			return err
		})
		if err != nil {
			s.t.Error(err)
		}
	}
}

// numberBeside is a number from 1 on that a list does not have.
func numberBeside(random *rand.Rand, list ...int) int {
	for {
		if n := 1 + random.IntN(5000); !slices.Contains(list, n) {
			return n
		}
	}
}

// oneOf is one of some texts.
func oneOf(random *rand.Rand, texts ...string) string { return texts[random.IntN(len(texts))] }

// oneField is one of the texts between blanks.
func oneField(random *rand.Rand, texts string) string { return oneOf(random, strings.Fields(texts)...) }

// A thousand URLs without a signature, each with at least one thing beside the lists, make no fetch and no entry.
func TestUnsignedPathsBesideTheListsCostNothing(t *testing.T) {
	s, site, disk := serveBounded(t)
	random := rand.New(rand.NewPCG(3, 4))
	open := "/plain/" + site.URL + "/open/a.png"
	for range 1000 {
		good := oneField(random, "w:40 width:80 w%3A40 rs:fit:80 s:40 pr:card preset:card w:40/f:webp")
		bad := fmt.Sprintf(oneField(random, `w:%d width:%d rs:fit:%d size:%d w%%3A%d w:40/rs:fill:%d h:%d s:40:%d
			min-width:%d mw:%d dpr:1.%d q:%d cb:%d blur:%d exp:9999999%d fn:%d ct:t%d pad:%d pd:%d c:%d wm:0.%d maf:%d
			att:1/w:%d pick:%d:40`), numberBeside(random, 40, 60, 80))
		path := good + "/" + bad + open
		switch random.IntN(4) {
		case 0:
			path = good + oneField(random, `/f:png /f:auto /format:avif /raw:1 /pr:secret /preset:card:secret /rt:fill
				/skp:png /g:sm /t:10 /el:1 /ar:0 /fq:webp:20 /pickf:avif:webp`) + open
		case 1:
			path = good + "/plain/" + oneOf(random, site.URL+"/secret/a.png", site.URL+"/open/../secret/a.png",
				site.URL+"/open/%2e%2e/secret/a.png", site.URL+"/open/..%252Fsecret/a.png", site.URL+"/opena.png",
				"http://localhost:1/open/a.png", "https://"+site.URL[7:]+"/open/a.png", "local:///open/a.png",
				site.URL+":80/open/a.png", "http://u@"+site.URL[7:]+"/open/a.png", "open/a.png")
		case 2:
			path = good + open + oneField(random, "@png @avif @auto .webp@jpg")
		}
		mark := oneField(random, "/unsigned/ /unsigned/ /unsigned/ /unsigned// /unsigned/unsigned/ /w:40/unsigned/")
		if status, code := s.askAsIs(mark + path); status != 403 && status != 404 {
			t.Fatalf("%s: %d %s", mark+path, status, code)
		}
	}
	s.wantNothing(site, disk)
	if status, code := s.askAsIs("/unsigned/w:40" + open); status != 200 || site.count("/open/a.png") != 1 {
		t.Errorf("one of the lists: %d %s", status, code)
	}
}

// A thousand choices that no signed list has, and lists, sources and ends that were not signed, make no fetch and no
// entry, also where the same path was served before with a choice of the list.
func TestChoicesBesideTheListsCostNothing(t *testing.T) {
	s, site, disk := serveBounded(t)
	random := rand.New(rand.NewPCG(5, 6))
	open := "/plain/" + site.URL + "/open/a.png"
	lists := signed(t, "/pick:40:80/pickf:webp:png/pickd:1:2"+open)
	listed, ended := signed(t, "/pick:40:80"+open), signed(t, "/exp:5/pick:40:80"+open)
	changed := []string{strings.Replace(listed, "40:80", "40:81", 1), strings.Replace(listed, "open", "secret", 1),
		strings.Replace(ended, "exp:5", "exp:9999999999", 1), ended, listed[strings.Index(listed[1:], "/")+1:],
		missigned(listed), missigned(lists), listed + "x"}
	wrong := func() string {
		choice := fmt.Sprintf(oneField(random, `/w:%d /w:%d/f:webp /w:%d/dpr:2/f:png /w:0%d /w:+%d /w:-%d /w:%d.0
			/w:%d:40 /w%%3A%d /w:0x%d /dpr:1.%d /q:%d /h:%d /rs:fit:%d /cb:%d /pick:%d /exp:999999999%d /w:40/w:%d
			/w:40/h:%d /f:webp/w:%d /dpr:2/w:%d`), numberBeside(random, 40, 80, 1, 2))
		switch random.IntN(5) {
		case 0:
			choice = oneField(random, `/f:avif /f:jpg /f:WEBP /f:webp/w:40 /f:auto /w:40/f: /dpr:3 /dpr:2.0 /w: /w:%34%30
				/w:40%20 /w:40/f:webp/dpr:2 /w:40/ /W:40 /width:40`)
		case 1: // also with a choice that the list has
			return oneField(random, "/w:40 /w:80") + oneOf(random, changed...)
		case 2:
			return choice + listed
		}
		return choice + lists
	}
	ask := func(n int) {
		for range n {
			target := wrong()
			if status, code := s.askAsIs(target); status != 403 && (status != 404 || code != "expired") {
				t.Fatalf("%s: %d %s", target, status, code)
			}
		}
	}
	ask(1000)
	s.wantNothing(site, disk)
	for _, choice := range []string{"/w:40", "/w:80", "/w:80/f:png", "/dpr:2/f:png", ""} {
		for range 3 {
			if status, code := s.askAsIs(choice + lists); status != 200 {
				t.Errorf("%s: %d %s", choice, status, code)
			}
		}
	}
	s.counted("\npictor_cache_entries 4\n") // that without a choice is the first one
	ask(200)
	s.counted("\npictor_cache_entries 4\n")
	if n := site.count("/open/a.png"); n != 1 || site.count("/secret/a.png") != 0 {
		t.Errorf("the origin was asked %d times", n)
	}
}
