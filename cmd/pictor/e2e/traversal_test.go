package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/container"
)

// climbs are names that lead out of a directory somewhere, or lead to a file of
// the directory only by going out of it. NAME stands for the secret's name.
var climbs = strings.Fields(`../NAME ../../NAME ./../NAME a/../../NAME a/./../../NAME ../images/../NAME ..//NAME .././NAME /../NAME //../NAME
	..\NAME a\..\..\NAME ..%2fNAME %2e%2e/NAME %2e%2e%2fNAME .%2e/NAME %2e./NAME ..%5cNAME %5c..%5cNAME ..%252fNAME %252e%252e%252fNAME %25252e%25252e/NAME
	..%c0%afNAME %c0%ae%c0%ae/NAME ..%e0%80%afNAME ..%ef%bc%8fNAME ．．/NAME ..／NAME ..∕NAME ․․/NAME ‥/NAME ..;/NAME ..;a=b/NAME ....//NAME .../NAME
	..%00/NAME in.jpg/../../NAME in.jpg%00/../../NAME in.jpg/..%2f..%2fNAME absolute-link relative-link deep/link linked/NAME linked/../NAME chain
	root/etc/hostname root/proc/self/environ proc/self/environ proc/self/root/etc/hostname loop up up/NAME up/images/in.jpg
	ABSOLUTE /ABSOLUTE //ABSOLUTE file:ABSOLUTE file://ABSOLUTE file%3A//ABSOLUTE c:/NAME C:\NAME \\host\share\NAME ~/NAME ~root/NAME $HOME/NAME
	. .. / ./ ../ %2e %2e%2e a/.. a/../ %00 in.jpg/. in.jpg/ ./in.jpg a/../in.jpg //in.jpg`)

// What lies outside of --local-root is not served, whatever leads there: dots,
// encodings, links. What does lead there is an image, so that a leak is a 200.
func TestNothingOutsideOfTheLocalRootIsServed(t *testing.T) {
	outer := t.TempDir()
	images, secret := filepath.Join(outer, "images"), filepath.Join(outer, "secret.jpg")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(images, "a"), 0o755), os.Mkdir(filepath.Join(images, "deep"), 0o755),
		os.WriteFile(secret, photo(77, 33), 0o644), os.WriteFile(filepath.Join(images, "in.jpg"), photo(40, 30), 0o644),
		os.Symlink(secret, filepath.Join(images, "absolute-link")), os.Symlink("../secret.jpg", filepath.Join(images,
			"relative-link")),
		os.Symlink("../../secret.jpg", filepath.Join(images, "deep", "link")), os.Symlink(outer, filepath.Join(images,
			"linked")),
		os.Symlink("relative-link", filepath.Join(images, "chain")), os.Symlink("/", filepath.Join(images, "root")),
		os.Symlink("/proc", filepath.Join(images, "proc")), os.Symlink("loop", filepath.Join(images, "loop")),
		os.Symlink("..", filepath.Join(images, "up")), os.Symlink("in.jpg", filepath.Join(images, "in-link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, "--insecure", "--thumbor-unsafe", "--local-root", images)
	for source, want := range map[string]int{"local:///in.jpg": 200, "local:///in-link": 200, "local:///missing": 404} {
		if a := s.get("/insecure/raw:1/plain/" + source); a.status != want {
			t.Errorf("%s: %v", source, a)
		}
	}
	once := func(s string) string { return url.PathEscape(s) }
	twice := func(s string) string { return once(once(s)) }
	ways := map[string]func(string) string{
		"as it is":    func(s string) string { return "/insecure/raw:1/plain/" + s },
		"encoded":     func(s string) string { return "/insecure/raw:1/plain/" + once(s) },
		"twice":       func(s string) string { return "/insecure/raw:1/plain/" + twice(s) },
		"three times": func(s string) string { return "/insecure/raw:1/plain/" + once(twice(s)) },
		"base64":      func(s string) string { return "/insecure/raw:1/" + base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"thumbor":     func(s string) string { return "/thumbor/unsafe/filters:raw()/" + once(s) },
	}
	for _, climb := range climbs {
		climb = strings.NewReplacer("NAME", "secret.jpg", "ABSOLUTE", secret).Replace(climb)
		for _, prefix := range []string{"local:///", "local://", "local:/", "local:", "LOCAL:///", "local:////",
			"local://localhost/"} {
			for way, path := range ways {
				a := s.raw(t, "GET "+line(path(prefix+climb))+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				code, _, _ := strings.Cut(string(a.body), ":")
				// A server may take dots for what they mean where that is inside.
				info, err := container.Sniff(a.body)
				inside := strings.Contains(climb, "in.jpg") && a.status == http.StatusOK && err == nil &&
					info.Width == 40
				if want := statusOf[code]; a.status != want && !inside {
					t.Errorf("%s%s, %s: %v", prefix, climb, way, a)
				}
			}
		}
	}
}

// line is a path with nothing in it that no request line can hold.
func line(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
