package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// headerOf is what vipsheader says of a file, by the names of its fields.
func headerOf(t *testing.T, file string) map[string]string {
	t.Helper()
	out, err := exec.Command("vipsheader", "-a", file).Output()
	if err != nil {
		t.Fatalf("vipsheader %s: %v", file, err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			fields[name] = value
		}
	}
	return fields
}

// told are the facts that a path tells.
func (s *server) told(t *testing.T, path string) (facts map[string]any) {
	t.Helper()
	a := s.get(path)
	if err := json.Unmarshal(a.body, &facts); err != nil || a.status != 200 {
		t.Fatalf("%s: %v %v", path, a, err)
	}
	return facts
}

// Facts of the header are those that vipsheader and exiftool tell, and hashes those that the packages of npm make of
// the same small image.
func TestFactsAreThoseOfOtherPrograms(t *testing.T) {
	for _, program := range []string{"vipsheader", "exiftool", "node"} {
		needs(t, program)
	}
	dir := t.TempDir()
	s := serve(t, "--insecure", "--local-root", dir, "--workers", "1")
	sources := matrixSources(t)
	var files []string
	for _, src := range sources {
		file := filepath.Join(dir, src.name())
		if err := os.WriteFile(file, src.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	out, err := exec.Command("exiftool", append([]string{"-j", "-n", "-ImageWidth", "-ImageHeight", "-Orientation",
		"-MIMEType"}, files...)...).Output()
	var tags []map[string]any
	if err == nil {
		err = json.Unmarshal(out, &tags)
	}
	if err != nil || len(tags) != len(files) {
		t.Fatal(err, len(tags))
	}
	checked := 0
	var told []map[string]any
	for i, src := range sources {
		facts := s.told(t, "/info/x/cs:1/b:1/sf:1/pn:1/a:1/bh:4:3/th:1/plain/local:///"+src.name())
		checked += checkHeader(t, src, facts, files[i])
		checkTags(t, src, facts, tags[i])
		told = append(told, facts)
	}
	if checked < 20 {
		t.Errorf("only %d images could be looked at by vipsheader", checked)
	}
	checkHashes(t, s, sources, told)
}

func checkHeader(t *testing.T, src matrixSource, facts map[string]any, file string) int {
	t.Helper()
	if slices.Contains([]transform.Format{transform.BMP, transform.ICO, transform.SVG}, src.format) {
		return 0
	}
	header := headerOf(t, file)
	width, height := header["width"], header["height"]
	if facts["orientation"].(float64) > 4 {
		width, height = height, width
	}
	pages := header["n-pages"]
	if pages == "" {
		pages = "1"
	}
	for name, want := range map[string]string{"width": width, "height": height, "bands": header["bands"],
		"colorspace": header["interpretation"], "sample_format": header["format"], "pages_number": pages} {
		if got := fmt.Sprint(facts[name]); got != want {
			t.Errorf("%s: %s is %s, vipsheader says %s", src.name(), name, got, want)
		}
	}
	return 1
}

func checkTags(t *testing.T, src matrixSource, facts, tags map[string]any) {
	t.Helper()
	width, height := tags["ImageWidth"], tags["ImageHeight"]
	if facts["orientation"].(float64) > 4 {
		width, height = height, width
	}
	for name, want := range map[string]any{"width": width, "height": height, "orientation": tags["Orientation"],
		"mime_type": tags["MIMEType"], "size": float64(len(src.bytes))} {
		if src.format == transform.ICO && name == "mime_type" {
			want = "image/vnd.microsoft.icon" // as IANA has it; exiftool says image/x-icon
		}
		if want != nil && !reflect.DeepEqual(facts[name], want) {
			t.Errorf("%s: %s is %v, exiftool says %v", src.name(), name, facts[name], want)
		}
	}
}

// hashScript makes the hashes of images by the references: each line of the input is [width, height, base64 of RGBA].
const hashScript = `
import { createRequire } from 'node:module'
const require = createRequire(process.cwd() + '/')
const { encode } = require('blurhash')
const { rgbaToThumbHash } = await import(process.cwd() + '/node_modules/thumbhash/thumbhash.js')
const lines = require('node:fs').readFileSync(0, 'utf8').trim().split('\n')
console.log(JSON.stringify(lines.map(line => {
  const [w, h, b64] = JSON.parse(line), px = new Uint8ClampedArray(Buffer.from(b64, 'base64'))
  const flat = px.slice()
  for (let i = 0; i < px.length; i++)
    flat[i] = i % 4 == 3 ? 255 : Math.floor((px[i] * px[i | 3] + 255 * (255 - px[i | 3]) + 127) / 255)
  return [encode(flat, w, h, 4, 3), Buffer.from(rgbaToThumbHash(w, h, px)).toString('hex').toUpperCase()]
})))`

func checkHashes(t *testing.T, s *server, sources []matrixSource, told []map[string]any) {
	t.Helper()
	if _, err := os.Stat("../../../.ci/node_modules/thumbhash"); err != nil {
		t.Skip("the references are not installed: .ci/setup test")
	}
	var input strings.Builder
	for i, src := range sources {
		small := s.get("/x/rs:fit:100:100/da:1/kcr:0/plh:thumbhash/plain/local:///" + src.name() + "@png")
		m, err := png.Decode(bytes.NewReader(small.body))
		if err != nil {
			t.Fatal(src.name(), err)
		}
		hash, err := base64.StdEncoding.DecodeString(small.header.Get("Pictor-Thumbhash"))
		if got, want := fmt.Sprintf("%X", hash), told[i]["thumb_hash"]; err != nil || got != want {
			t.Errorf("%s: the header of the small image says %s, the facts say %s", src.name(), got, want)
		}
		pixels := base64.StdEncoding.EncodeToString(rgbaOf(m))
		fmt.Fprintf(&input, "[%d,%d,%q]\n", m.Bounds().Dx(), m.Bounds().Dy(), pixels)
	}
	node := exec.Command("node", "--input-type=module", "-e", hashScript)
	node.Dir, node.Stdin = "../../../.ci", strings.NewReader(input.String())
	out, err := node.CombinedOutput()
	var want [][2]string
	if err == nil {
		err = json.Unmarshal(out, &want)
	}
	if err != nil || len(want) != len(sources) {
		t.Fatalf("%v %s", err, out)
	}
	for i, src := range sources {
		if got := told[i]["blurhash"]; got != want[i][0] {
			t.Errorf("%s: BlurHash %v instead of %v", src.name(), got, want[i][0])
		}
		if got := told[i]["thumb_hash"].(string); !isSameThumbHash(got, want[i][1]) {
			t.Errorf("%s: ThumbHash %v instead of %v", src.name(), got, want[i][1])
		}
	}
}

// isSameThumbHash says whether two are the same but for a digit that is one more or less: cosines of JavaScript and Go
// differ in their last bit, which shows where a value lies between two digits.
func isSameThumbHash(a, b string) bool {
	differences := 0
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		const digits = "0123456789ABCDEF"
		by := strings.IndexByte(digits, a[i]) - strings.IndexByte(digits, b[i])
		if by != 1 && by != -1 {
			return false
		}
		differences++
	}
	return len(a) == len(b) && differences <= 1
}

// rgbaOf are the pixels of an image, not premultiplied.
func rgbaOf(m image.Image) (pixels []byte) {
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			pixels = append(pixels, c.R, c.G, c.B, c.A)
		}
	}
	return pixels
}
