package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// againstVar names running servers that take imgproxy's URLs, to measure beside pictor: name,url-prefix,pid of each,
// with spaces between them.
const againstVar = "PICTOR_BENCH_AGAINST"

// benchForm is one kind of miss: a source, and what is made of it.
type benchForm struct {
	name, file, options string
	params              transform.Params
}

// benchForms are the misses that are measured; the first is the usual one. Their qualities
// are said, as programs have other defaults.
var benchForms = []benchForm{
	{"6 MP JPEG → 720 px JPEG", "6mp.jpg", "rs:fit:720:0/q:80", narrowed(720, transform.JPEG, 80)},
	{"6 MP JPEG → 720 px WebP", "6mp.jpg", "rs:fit:720:0/q:79", narrowed(720, transform.WebP, 79)},
	{"6 MP JPEG → 300×300 JPEG", "6mp.jpg", "rs:fill:300:300/q:80",
		transform.Params{Mode: transform.Fill, Width: 300, Height: 300, Format: transform.JPEG, Quality: 80}},
	{"6 MP JPEG → 720 px AVIF", "6mp.jpg", "rs:fit:720:0/q:63", narrowed(720, transform.AVIF, 63)},
	{"6 MP PNG → 720 px JPEG", "6mp.png", "rs:fit:720:0/q:80", narrowed(720, transform.JPEG, 80)},
	{"29 MP JPEG turned by EXIF → 720 px JPEG", "29mp-exif6.jpg", "rs:fit:720:0/q:80",
		narrowed(720, transform.JPEG, 80)},
}

// narrowed is a result of a width.
func narrowed(width int, f transform.Format, quality int) transform.Params {
	return transform.Params{Width: width, Format: f, Quality: quality}
}

// peer is a server that takes imgproxy's URLs.
type peer struct {
	name, prefix string
	pid          int
}

// against are the servers that the environment names.
func against(t testing.TB) (peers []peer) {
	t.Helper()
	for text := range strings.FieldsSeq(os.Getenv(againstVar)) {
		parts := strings.Split(text, ",")
		pid, err := strconv.Atoi(parts[len(parts)-1])
		if len(parts) != 3 || err != nil || processes()[pid] == nil {
			t.Fatalf("%s: %s: want name,url-prefix,pid of a running server, such as "+
				"imgproxy,http://127.0.0.1:8088/unsafe,1234", againstVar, text)
		}
		peers = append(peers, peer{parts[0], strings.TrimSuffix(parts[1], "/"), pid})
	}
	return peers
}

func (s *server) peer() peer { return peer{"pictor", s.url + "/insecure", s.cmd.Process.Pid} }

// bench is what all measurements share: pictor, another server if there is one,
// and an origin on loopback.
type bench struct {
	testing.TB
	origin  *site
	servers []peer
	// libvips is the program of testdata, built when first needed.
	libvips string
	// asked numbers sources: each is new to every server.
	asked atomic.Int64
}

// newBench starts pictor with its defaults, but for what lets it fetch from here
// without a signature.
func newBench(t testing.TB, args ...string) *bench {
	t.Helper()
	b := &bench{TB: t, origin: newSite(t)}
	s := serve(t, append([]string{"--insecure", "--allow-networks", "127.0.0.0/8", "--log-level", "info"}, args...)...)
	b.servers = append([]peer{s.peer()}, against(t)...)
	return b
}

// putPictures has the origin serve generated photographs.
func (b *bench) putPictures() {
	b.Helper()
	for name, body := range mixedPictures(b) {
		b.origin.put("/"+name, body)
	}
}

// fetch asks a server for a result of a source and gives its length.
func (b *bench) fetch(p peer, options, source, ext string) int {
	b.Helper()
	url := p.prefix + "/" + options + "/plain/" + b.origin.URL + source + "@" + ext
	resp, err := client.Get(url)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Errorf("%s: %s answers %d, %v", p.name, url, resp.StatusCode, err)
	}
	return int(n)
}

// fresh is a source under a name that is new.
func (b *bench) fresh(file string) string { return fmt.Sprintf("/v/%d/%s", b.asked.Add(1), file) }

// miss has a server make a result of a source that it has not seen.
func (b *bench) miss(p peer, f benchForm) contender {
	return contender{p.name, p.pid, oneByOne(func() int {
		return b.fetch(p, f.options, b.fresh(f.file), f.params.Format.Ext())
	})}
}

// misses are all servers at one form, and the bare loop of libvips calls last.
func (b *bench) misses(f benchForm) (all []contender) {
	for _, p := range b.servers {
		all = append(all, b.miss(p, f))
	}
	return append(all, b.bareLoop(f))
}

// bareLoop starts a program that makes the result of a form with libvips and
// nothing else, by the same plan as pictor's. It reads the source from a file.
func (b *bench) bareLoop(f benchForm) contender {
	b.Helper()
	b.buildLibvips()
	b.origin.mu.Lock()
	body := b.origin.files["/"+f.file]
	b.origin.mu.Unlock()
	info, err := container.Sniff(body)
	if err != nil {
		b.Fatal(f.file, ": ", err)
	}
	file := filepath.Join(b.TempDir(), f.file)
	if err := os.WriteFile(file, body, 0o600); err != nil {
		b.Fatal(err)
	}
	g := transform.NewGeometry(info, f.params)
	args := []string{file + loadOptions(info, g), saveOptions(f.params)}
	crop := g.Crop
	for _, n := range []int{g.ScaledWidth, g.ScaledHeight, crop.Left, crop.Top, crop.Width, crop.Height, g.Angle} {
		args = append(args, strconv.Itoa(n))
	}
	if g.Cuts() || g.Flip || g.Extends() {
		b.Fatalf("%s: the bare loop cannot do %+v", f.name, g)
	}
	return b.lines(exec.Command(b.libvips, args...), "bare libvips loop")
}

func loadOptions(info transform.Info, g transform.Geometry) string {
	switch info.Format {
	case transform.JPEG:
		return fmt.Sprintf("[shrink=%d]", g.Shrink)
	case transform.WebP:
		return fmt.Sprintf("[scale=%g]", g.Scale)
	}
	return ""
}

func saveOptions(p transform.Params) string {
	switch p.Format {
	case transform.WebP:
		return fmt.Sprintf(".webp[strip,Q=%d,effort=%d]", p.EffectiveQuality(), p.WebP.Method())
	case transform.AVIF:
		return fmt.Sprintf(".avif[strip,Q=%d,effort=%d,compression=av1]", p.EffectiveQuality(), p.AVIF.Speed())
	}
	return fmt.Sprintf(".jpg[strip,Q=%d,optimize_coding]", p.EffectiveQuality())
}

func (b *bench) buildLibvips() {
	b.Helper()
	if b.libvips != "" {
		return
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "vips").Output()
	if err != nil {
		b.Fatal("pkg-config vips: ", err)
	}
	b.libvips = filepath.Join(b.TempDir(), "libvips")
	build := exec.Command("cc", append([]string{"-O2", "-o", b.libvips, "testdata/bench/libvips.c"},
		strings.Fields(string(flags))...)...)
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}

// lines is a program that does the work once for each line.
func (b *bench) lines(cmd *exec.Cmd, name string) contender {
	b.Helper()
	cmd.Stderr = os.Stderr
	ask, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ask.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(name, ": ", err)
		}
	})
	answers := bufio.NewScanner(out)
	return contender{name, cmd.Process.Pid, oneByOne(func() int {
		if _, err := io.WriteString(ask, "\n"); err != nil || !answers.Scan() {
			b.Fatalf("%s gives no answer: %v", name, err)
		}
		n, _ := strconv.Atoi(answers.Text())
		return n
	})}
}
