package e2e

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// matrixVar makes TestFormatMatrix write its tables to docs/formats.md; make formats sets it.
const matrixVar = "PICTOR_FORMAT_MATRIX"

// The sides of the matrix' images, and of its results.
const (
	matrixWidth, matrixHeight = 96, 64
	matrixResult              = matrixWidth / 2
)

// unlike is how far a result may look from its source, as picturetest.Perceived has it. It tells wrong
// colours, sides and places from what codecs lose.
const unlike = 6

// Every kind of source that a format holds becomes every format that this libvips writes: of the planned
// size, in the asked type, upright, with all frames where the format moves, and like its source by
// decoders that are not pictor's. docs/formats.md shows what came out.
func TestFormatMatrix(t *testing.T) {
	needs(t, "vips")
	t.Parallel() // one image after the other
	origin := newSite(t)
	s := serveLocal(t, "--insecure", "--cache-disk", "off")
	reads, writes := savedFormats(t)
	m := &matrix{t: t, reads: reads, writes: writes, results: map[matrixCell]string{}}
	for _, source := range matrixSources(t) {
		if !slices.Contains(reads, source.format) {
			continue
		}
		url := origin.put("/"+source.name(), source.bytes)
		for _, to := range writes {
			a := s.get(fmt.Sprintf("/insecure/w:%d/q:95/f:%s/plain/%s", matrixResult, to.Ext(), url))
			m.judge(source, to, a)
		}
	}
	m.compareWithPage("../../../docs/formats.md", os.Getenv(matrixVar) != "")
}

// savedFormats are the formats that `pictor version` says work here.
func savedFormats(t *testing.T) (reads, writes []transform.Format) {
	t.Helper()
	out, _, code := pictor(t, nil, "version")
	if code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		for _, word := range words {
			f, ok := transform.ParseFormat(word)
			switch {
			case !ok:
			case words[0] == "loads":
				reads = append(reads, f)
			case words[0] == "saves":
				writes = append(writes, f)
			}
		}
	}
	return reads, writes
}

// matrixCell is a place in the tables.
type matrixCell struct {
	from transform.Format
	kind string
	to   transform.Format
}

// matrix collects what came out.
type matrix struct {
	t             *testing.T
	reads, writes []transform.Format
	// results are "yes", "moves" or "still".
	results map[matrixCell]string
}

// judge compares one result with its source.
func (m *matrix) judge(source matrixSource, to transform.Format, a answer) {
	m.t.Helper()
	name := fmt.Sprintf("%s to %v", source.name(), to)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != to.MIME() {
		m.t.Errorf("%s: %v", name, a)
		return
	}
	cell := matrixCell{source.format, source.kind, to}
	m.results[cell] = "yes"
	if source.kind == kindAnimated {
		m.results[cell] = "still"
		if to.Animates() {
			m.results[cell] = "moves"
			if got := movesOf(m.t, to, a.body); got != matrixMoves {
				m.t.Errorf("%s: %+v, want %+v", name, got, matrixMoves)
			}
		}
	}
	got := decodedBy(m.t, to, a.body)
	want := halved(source.want)
	if !to.HasAlpha() {
		want = overWhite(want)
	}
	if d := picturetest.Perceived(got, want); !(d <= unlike) {
		m.t.Errorf("%s: %v instead of %v, %.1f away from the source", name, got.Bounds(), want.Bounds(), d)
	}
}

// The marks around the tables in docs/formats.md.
const matrixBegin, matrixEnd = "<!-- matrix: make formats -->\n", "<!-- end of matrix -->\n"

// compareWithPage holds the tables against the page, or writes them there. A libvips that cannot do all
// has other tables, which are not compared.
func (m *matrix) compareWithPage(path string, write bool) {
	m.t.Helper()
	if len(m.reads) < len(transform.Inputs) || len(m.writes) < len(transform.Outputs) {
		m.t.Logf("this libvips does not read or write all formats; the page is not compared:\n%s", m.tables())
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), matrixBegin)
	_, after, ok2 := strings.Cut(rest, matrixEnd)
	if !ok || !ok2 {
		m.t.Fatalf("%s has no place for the tables", path)
	}
	page := before + matrixBegin + m.tables() + matrixEnd + after
	switch {
	case page == string(b) || m.t.Failed():
	case !write:
		m.t.Errorf("docs/formats.md does not say what came out: run make formats\n%s", m.tables())
	default:
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
}

// tables are what came out, in Markdown: a row for each format of a source.
func (m *matrix) tables() string {
	var b strings.Builder
	b.WriteString("| source \\ result |")
	for _, to := range m.writes {
		fmt.Fprintf(&b, " %s |", to.Title())
	}
	b.WriteString(" tried with |\n|---|" + strings.Repeat("---|", len(m.writes)+1) + "\n")
	for _, from := range m.reads {
		fmt.Fprintf(&b, "| %s |", from.Title())
		for _, to := range m.writes {
			fmt.Fprintf(&b, " %s |", m.summary(from, to))
		}
		fmt.Fprintf(&b, " %s |\n", strings.Join(m.kindsOf(from), ", "))
	}
	return b.String()
}

func (m *matrix) kindsOf(from transform.Format) (kinds []string) {
	for _, kind := range matrixKinds {
		if _, ok := m.results[matrixCell{from, kind, m.writes[0]}]; ok {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// summary is "yes", and for animations what becomes of them.
func (m *matrix) summary(from, to transform.Format) string {
	if of := m.results[matrixCell{from, kindAnimated, to}]; of != "" {
		return "yes, " + map[string]string{"moves": "moves", "still": "first frame"}[of]
	}
	if m.results[matrixCell{from, kindStill, to}] == "" {
		return "no"
	}
	return "yes"
}
