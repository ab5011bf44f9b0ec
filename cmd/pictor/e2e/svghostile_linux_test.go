package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// references are documents that name what lies outside of them: a directory with files, and the address of a host.
func references(dir, host string) map[string]string {
	const head = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" `
	docs := map[string]string{}
	for where, base := range map[string]string{"host": host, "file": "file://" + dir, "path": dir} {
		image, svg := base+"/secret.png", base+"/secret.svg"
		for form, inside := range map[string]string{
			"image": `<image width="9" height="9" href="` + image + `"/>`, "image-xlink": `<image xlink:href="` + image + `"/>`,
			"image-svg": `<image href="` + svg + `"/>`, "use": `<use href="` + svg + `#a"/>`,
			"feimage":  `<filter id="f"><feImage href="` + image + `"/></filter><rect width="9" height="9" filter="url(#f)"/>`,
			"filter":   `<rect width="9" height="9" filter="url(` + svg + `#a)"/>`,
			"mask":     `<rect width="9" height="9" mask="url('` + svg + `#a')" clip-path="url(` + svg + `#a)"/>`,
			"fill":     `<rect width="9" height="9" fill="url(` + svg + `#a) red" stroke="url(` + svg + `#a)"/>`,
			"pattern":  `<pattern id="p" href="` + svg + `#a"/><rect width="9" height="9" fill="url(#p)"/>`,
			"gradient": `<linearGradient id="p" xlink:href="` + svg + `#a"/><rect width="9" height="9" fill="url(#p)"/>`,
			"marker":   `<path d="M0 0L9 9" marker-start="url(` + svg + `#a)"/>`,
			"import":   `<style>@import "` + base + `/secret.css"; @import url(` + base + `/secret.css);</style><rect/>`,
			"font":     `<style>@font-face{font-family:x;src:url(` + base + `/secret.ttf)}</style><text font-family="x">a</text>`,
			"font-uri": `<font-face><font-face-src><font-face-uri href="` + base + `/secret.ttf"/></font-face-src></font-face>`,
			"script":   `<script href="` + base + `/secret.js"/><script>fetch("` + image + `")</script>`,
			"tref":     `<text><tref xlink:href="` + svg + `#a"/></text>`, "cursor": `<g cursor="url(` + image + `)"/>`,
			"xinclude": `<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="` + svg + `"/>`,
			"xinclude-text": `<text><i:include xmlns:i="http://www.w3.org/2001/XInclude" parse="text" href="` + base +
				`/secret.css"/></text>`,
			"foreign": `<switch><foreignObject requiredFeatures="x"><iframe src="` + image + `"/></foreignObject></switch>`,
			"base":    `<g xml:base="` + base + `/"><image href="secret.png"/><use href="secret.svg#a"/></g>`,
			"animate": `<image><set attributeName="href" to="` + image + `"/></image>`,
			"profile": `<color-profile xlink:href="` + base + `/secret.css" name="x"/><rect fill="#000 icc-color(x,0)"/>`,
			"nested":  `<svg><image href="` + svg + `"/></svg><symbol id="s"><image href="` + image + `"/></symbol><use href="#s"/>`,
		} {
			docs[form+"-"+where] = head + `width="9" height="9">` + inside + `</svg>`
		}
		for form, doctype := range map[string]string{
			"dtd": `<!DOCTYPE svg SYSTEM "` + base + `/secret.dtd">`, "public": `<!DOCTYPE svg PUBLIC "x" "` + base + `/secret.dtd">`,
			"entity":    `<!DOCTYPE svg [<!ENTITY e SYSTEM "` + base + `/secret.css">]>`,
			"parameter": `<!DOCTYPE svg [<!ENTITY % p SYSTEM "` + base + `/secret.dtd"> %p;]>`,
			"sheet":     `<?xml-stylesheet type="text/css" href="` + base + `/secret.css"?>`,
		} {
			text := map[string]string{"entity": "&e;"}[form]
			docs[form+"-"+where] = doctype + head + `width="9" height="9"><text y="9">` + text + `a</text></svg>`
		}
	}
	for name, path := range map[string]string{
		"proc": "/proc/self/environ", "passwd": "file:///etc/passwd", "fifo": dir + "/fifo",
	} {
		docs["image-"+name] = head + `><image href="` + path + `"/><style>@import "` + path + `";</style></svg>`
		docs["entity-"+name] = `<!DOCTYPE svg [<!ENTITY e SYSTEM "` + path + `">]>` + head + `><text>&e;</text></svg>`
	}
	return docs
}

// expensive are documents that ask for far more than they are long.
func expensive() map[string]string {
	r := rand.New(rand.NewPCG(1, 2))
	var points, uses, laughs strings.Builder
	for range 1_000_000 {
		fmt.Fprintf(&points, "L%d %d", r.IntN(200), r.IntN(200))
	}
	for i := range 20 {
		fmt.Fprintf(&uses, `<g id="a%d">%s</g>`, i+1, strings.Repeat(fmt.Sprintf(`<use xlink:href="#a%d"/>`, i), 10))
		fmt.Fprintf(&laughs, `<!ENTITY a%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&a%d;", i), 10))
	}
	filtered := func(steps string) string {
		return `<filter id="f" filterUnits="userSpaceOnUse" x="-1e6" y="-1e6" width="1e7" height="1e7">` + steps +
			`</filter><rect width="200" height="200" filter="url(#f)"/>`
	}
	repeat := strings.Repeat
	docs := map[string]string{}
	for name, inside := range map[string]string{
		"nesting": repeat("<g>", 100_000) + repeat("</g>", 100_000), "points": `<path stroke="red" d="M0 0` + points.String() + `"/>`,
		"layers":     repeat(`<g opacity=".9">`, 250) + "<rect/>" + repeat("</g>", 250),
		"use":        `<defs><g id="a0"><rect/></g>` + uses.String() + `</defs><use xlink:href="#a20"/>`,
		"use-loop":   `<g id="a"><use xlink:href="#a"/></g><pattern id="p"><rect fill="url(#p)"/></pattern><rect fill="url(#p)"/>`,
		"turbulence": filtered(`<feTurbulence baseFrequency=".5" numOctaves="1000000000"/>`),
		"blur":       filtered(repeat(`<feGaussianBlur stdDeviation="1e6"/>`, 1000)),
		"morphology": filtered(repeat(`<feMorphology radius="1e5"/>`, 10)),
		"convolve":   filtered(`<feConvolveMatrix order="1000" kernelMatrix="` + repeat("1 ", 1_000_000) + `"/>`),
		"results":    filtered(repeat(`<feOffset dx="1" result="r"/>`, 20_000)),
		"pattern":    `<pattern id="p" width="1e6" height="1e6" patternUnits="userSpaceOnUse"><g/></pattern><rect width="2e6" height="2e6" fill="url(#p)"/>`,
		"tiles":      `<pattern id="p" width="1e-4" height="1e-4" patternUnits="userSpaceOnUse"><rect/></pattern><rect width="200" height="200" fill="url(#p)"/>`,
		"masks":      `<mask id="m"><rect mask="url(#n)"/></mask><mask id="n"><rect mask="url(#m)"/></mask>` + repeat(`<g mask="url(#m)">`, 90) + repeat("</g>", 90),
		"dashes":     `<path stroke="red" stroke-dasharray="1e-5" d="M0 0L1e5 1e5"/>`,
		"markers":    `<marker id="m"><rect/></marker><path marker-mid="url(#m)" d="M0 0` + repeat(" L1 1 0 0", 100_000) + `"/>`,
		"selectors":  "<style>" + repeat("*{fill:red}", 20_000) + "</style>" + repeat("<rect/>", 5_000),
		"text":       `<text y="20">` + repeat("hello ", 200_000) + `</text>`, "font-size": `<text font-size="1e7">hello</text>`,
		"elements": repeat("<rect/>", 1_200_000),
	} {
		docs[name] = string(svgOf(inside))
	}
	docs["laughs"] = `<!DOCTYPE svg [<!ENTITY a0 "aaaaaaaaaa">` + laughs.String() + `]>` +
		string(svgOf("<text>&a20;</text>"))
	docs["giant"] = `<svg xmlns="http://www.w3.org/2000/svg" width="100000" height="100000"><rect/></svg>`
	return docs
}

// opened tells of each file below a directory that somebody opens or reads.
func opened(t testing.TB, dir string) func() int {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, dir, unix.IN_OPEN|unix.IN_ACCESS)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return func() int {
		n, _ := unix.Read(fd, make([]byte, 1<<16))
		return max(n, 0)
	}
}

// Nothing outside of an SVG is read, in the sandbox and without it: librsvg itself resolves no reference.
func TestHostileSVGReadsNothing(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string][]byte{"secret.png": photo(9, 9), "secret.svg": svgOf(`<g id="a"><rect/></g>`),
		"secret.css": []byte("*{fill:red}"), "secret.dtd": []byte("<!-- -->"), "secret.ttf": nil, "secret.js": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	go func() {
		for {
			c, err := door.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Close()
		}
	}()
	defer door.Close()
	opens := opened(t, dir)
	if _, err := os.ReadFile(filepath.Join(dir, "secret.css")); err != nil || opens() == 0 {
		t.Fatalf("a file that is read is not noticed: %v", err)
	}
	site := newSite(t)
	docs := references(dir, "http://"+door.Addr().String())
	for _, sandbox := range []string{"auto", "off"} {
		s := serveLocal(t, append([]string{"--sandbox", sandbox, "--workers", "1"}, readsSVG...)...)
		calls := tracedCalls(t, s)
		for name, doc := range docs {
			a := s.get("/insecure/w:40/plain/" + site.put("/"+sandbox+"/"+name+".svg", []byte(doc)))
			if code, _, _ := strings.Cut(string(a.body), ": "); a.status != 200 && !slices.Contains(clearCodes, code) {
				t.Errorf("sandbox %s, %s: %v", sandbox, name, a)
			}
		}
		for _, call := range calls() {
			if strings.Contains(call, dir) || strings.Contains(call, "socket(") || strings.Contains(call, "connect(") ||
				strings.Contains(call, "passwd") || strings.Contains(call, "environ") {
				t.Errorf("sandbox %s: %s", sandbox, call)
			}
		}
		if n := opens(); n > 0 || connections.Load() > 0 {
			t.Errorf("sandbox %s: files were opened (%d bytes of events), %d connections made", sandbox, n,
				connections.Load())
		}
		if n := ended(t, s, "crashed"); n > 0 {
			t.Errorf("sandbox %s: %d workers crashed", sandbox, n)
		}
	}
	t.Logf("%d documents", len(docs))
}

// tracedCalls watches the calls of the workers that open and connect, where strace can.
func tracedCalls(t *testing.T, s *server) func() []string {
	t.Helper()
	none := func() []string { return nil }
	strace, err := exec.LookPath("strace")
	workers := s.workers()
	if err != nil || len(workers) == 0 {
		t.Logf("calls are not watched: %v, %d workers", err, len(workers))
		return none
	}
	path := filepath.Join(t.TempDir(), "calls")
	args := []string{"-f", "-s", "300", "-e", "trace=open,openat,openat2,execve,socket,connect", "-o", path}
	for _, pid := range workers {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	cmd := exec.Command(strace, args...)
	words, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, _ := words.Read(b)
	if !strings.Contains(string(b[:n]), "attached") {
		t.Logf("calls are not watched: %s", b[:n])
		cmd.Wait()
		return none
	}
	return func() []string {
		cmd.Process.Signal(unix.SIGINT)
		cmd.Wait()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if !regexp.MustCompile(`open`).Match(text) {
			t.Error("strace saw no file being opened, and fonts are")
		}
		return lines
	}
}

// What costs more than a worker may have ends in a clear 422, and the server goes on.
func TestHostileSVGEnds(t *testing.T) {
	long(t, "half a minute of CPU time, or more")
	t.Parallel() // one worker does it all
	site := newSite(t)
	s := serveLocal(t, slices.Concat([]string{"--memory-limit", "512MiB", "--workers", "1"}, readsSVG)...)
	clear := append([]string{"overtime", "crashed"}, clearCodes...)
	drawn := site.put("/drawn.svg", svgOf(`<rect width="200" height="200"/>`))
	for name, doc := range expensive() {
		options := "w:200"
		if name == "giant" {
			options = "t:10"
		}
		a := s.get("/insecure/" + options + "/plain/" + site.put("/"+name+".svg", []byte(doc)))
		code, text, _ := strings.Cut(string(a.body), ": ")
		if a.status != 200 && (a.status != 422 || !slices.Contains(clear, code) || len(text) < 20) {
			t.Errorf("%s: %v", name, a)
		}
		if a.status == 200 {
			code = "drawn"
		}
		t.Logf("%s: %d bytes, %s", name, len(doc), code)
		if a := s.get("/insecure/w:99/plain/" + drawn + "?after=" + name); a.status != 200 {
			t.Errorf("after %s: %v", name, a)
		}
	}
}
