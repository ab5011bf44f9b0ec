package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// explainCmd tells what a URL is to the server, and what is wrong with it.
type explainCmd struct {
	config.File `embed:""`
	config.Keys `embed:""`
	config.URLs `embed:""`

	URL      string `arg:"" optional:"" help:"URL or path of a picture."`
	Batch    string `help:"File of URLs, paths or lines of an access log; - for standard input. Counts what they are, with an example each." placeholder:"FILE"`
	Source   string `help:"A local copy of the source, for sizes and memory; else a JPEG of 4000x3000 is assumed." placeholder:"FILE"`
	Insecure bool   `help:"As of a server that accepts any signature."`
}

// Validate is the Keys' and the URLs'.
func (cmd *explainCmd) Validate() error {
	if (cmd.URL == "") == (cmd.Batch == "") {
		return errors.New("takes a URL, or --batch with a file of them, and not both")
	}
	return errors.Join(cmd.Keys.Validate(), cmd.URLs.Validate())
}

func (cmd *explainCmd) Run() error {
	e, err := cmd.explainer()
	if err != nil {
		return err
	}
	if cmd.Batch != "" {
		return e.batch(cmd.Batch, os.Stdout)
	}
	return e.one(cmd.URL, os.Stdout)
}

// explainer reads URLs as a server with the same settings does.
type explainer struct {
	ring        *signedurl.Keyring
	dialect     *signedurl.Dialect
	thumbor     *thumbor.Dialect
	thumborRoot string
	prefix      string
	insecure    bool
	info        transform.Info
	assumed     bool
}

func (cmd *explainCmd) explainer() (*explainer, error) {
	e := &explainer{prefix: cmd.Prefix(), thumborRoot: cmd.ThumborRoot(), insecure: cmd.Insecure, assumed: cmd.Source == "",
		info: transform.Info{Format: transform.JPEG, Width: 4000, Height: 3000, Orientation: 1, Frames: 1, Bands: 3, Bits: 8, Scans: 1}}
	var err error
	if e.thumbor, err = thumborDialect(&cmd.Thumbor); err != nil {
		return nil, err
	}
	if e.ring, err = keyring(cmd.Keys, cmd.Trusted(), cmd.Insecure || e.thumbor != nil && cmd.Key == ""); err != nil {
		return nil, err
	}
	if e.dialect, err = dialect(&cmd.URLs); err != nil {
		return nil, err
	}
	if cmd.Source == "" {
		return e, nil
	}
	b, err := os.ReadFile(cmd.Source)
	if err == nil {
		e.info, err = transform.Sniff(b)
	}
	return e, err
}

// verdict is what a URL comes to.
type verdict struct {
	// code is the server's, "ok" for a picture; "not-a-picture" for other paths.
	code string
	diag signedurl.Diagnosis
	req  signedurl.Request
	err  error
}

func (e *explainer) judge(target string) verdict {
	path := signedurl.PathOf(strings.TrimSpace(target))
	if root := strings.TrimSuffix(e.thumborRoot, "/"); e.thumbor != nil {
		if rest := signedurl.WithoutPrefix(path, root); rest != "" {
			if v, ok := e.judgeThumbor(rest); ok {
				return v
			}
		}
	}
	v := verdict{code: "ok", diag: e.ring.Diagnose(strings.TrimSpace(target), e.prefix)}
	if !v.diag.Valid {
		v.code = "wrong-signature"
		return v
	}
	if v.req, v.err = e.dialect.Parse(v.diag.Signed); v.err != nil {
		v.code = codeOf(v.err)
	} else if v.req.Expired(time.Now()) {
		v.code = "expired"
	}
	return v
}

func (e *explainer) judgeThumbor(path string) (verdict, bool) {
	rest, err := e.thumbor.Verify(path)
	if err != nil {
		if e.thumborRoot == "/" {
			return verdict{}, false // perhaps a native one
		}
		first, after, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		return verdict{code: "wrong-signature", err: err, diag: signedurl.Diagnosis{Signed: after, Want: e.thumbor.Sign(after), Mistakes: []string{fmt.Sprintf("%s is not the hash of what follows it", first)}}}, true
	}
	v := verdict{code: "ok", diag: signedurl.Diagnosis{Valid: true, Signed: rest}}
	if v.req, v.err = e.thumbor.Parse(rest); v.err != nil {
		v.code = codeOf(v.err)
	}
	return v, true
}

func codeOf(err error) string {
	for code, is := range map[string]error{"unknown-option": signedurl.ErrUnknownOption, "unknown-preset": signedurl.ErrUnknownPreset,
		"bad-argument": signedurl.ErrBadArgument, "malformed-path": signedurl.ErrMalformed} {
		if errors.Is(err, is) {
			return code
		}
	}
	return "internal"
}

// one tells all of a URL. A wrong one is also an error, for scripts.
func (e *explainer) one(target string, out io.Writer) error {
	v := e.judge(target)
	say := func(label, text string) {
		if text != "" {
			fmt.Fprintf(out, "%-12s %s\n", label, text)
		}
	}
	say("signed part", v.diag.Signed)
	say("damage", v.diag.Damage)
	if v.code == "wrong-signature" {
		say("signature", "wrong")
		for i, m := range v.diag.Mistakes {
			say(map[bool]string{true: "why", false: "and"}[i == 0], m)
		}
		if len(v.diag.Mistakes) == 0 {
			say("why", "none of the usual mistakes: another key, or a path that was changed after it was signed")
		}
		say("right", v.diag.Want)
		return errors.New("the signature does not fit this path")
	}
	say("signature", map[bool]string{true: "any passes (--insecure)", false: "right"}[e.insecure])
	if v.err != nil {
		return v.err
	}
	e.request(v.req, say)
	if v.code == "expired" {
		return fmt.Errorf("it was good until %s", time.Unix(v.req.Expires, 0).UTC().Format(time.RFC3339))
	}
	return nil
}

// request tells what is asked for, and what it will cost.
func (e *explainer) request(req signedurl.Request, say func(label, text string)) {
	say("source", req.Source)
	say("options", req.Params.String())
	if req.Expires != 0 {
		say("until", time.Unix(req.Expires, 0).UTC().Format(time.RFC3339))
	}
	say("cache key", req.Canonical())
	out, why := req.Params, "asked for"
	if out.Format == transform.FormatUnknown {
		out.Format, why = e.info.Format, "the source's"
	}
	say("format", fmt.Sprintf("%s, %s", out.Format, why))
	g := transform.NewGeometry(e.info, out)
	what := "of a JPEG of 4000x3000"
	if !e.assumed {
		what = fmt.Sprintf("of this %s of %dx%d", e.info.Format, e.info.Width, e.info.Height)
	}
	if out.AsItIs(e.info) {
		say("result", what+": the source as it is")
		return
	}
	say("result", fmt.Sprintf("%s: %dx%d", what, g.Width, g.Height))
	need := transform.WorkingSet(e.info, g, out)
	say("memory", fmt.Sprintf("%s: %.0f MiB to work on, at the most; %.0f MiB for the result", what, float64(need)/(1<<20), float64(transform.ResultBytes(e.info, g, out))/(1<<20)))
}

// requestLine finds the target in a line of an access log, common or combined,
// or of JSON.
var requestLine = regexp.MustCompile(`"(?:GET|HEAD) ([^ "]+)|"(?:path|uri|url|request|target)" *: *"(?:GET |HEAD )?([^ "]+)`)

// batch counts verdicts over lines.
func (e *explainer) batch(name string, out io.Writer) error {
	in := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	counts, examples := map[string]int{}, map[string]string{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	total := 0
	for lines.Scan() {
		target := strings.TrimSpace(lines.Text())
		if m := requestLine.FindStringSubmatch(target); m != nil {
			target = m[1] + m[2]
		}
		if target == "" {
			continue
		}
		total++
		key := e.verdictOf(target)
		counts[key]++
		if examples[key] == "" {
			examples[key] = target
		}
	}
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
	for _, k := range keys {
		fmt.Fprintf(out, "%7d  %s\n         %s\n", counts[k], k, examples[k])
	}
	fmt.Fprintf(out, "%7d  in all\n", total)
	return lines.Err()
}

// others are paths that are no pictures.
var others = []string{"/", "/favicon.ico", "/robots.txt", "/health", "/health/live", "/health/ready"}

func (e *explainer) verdictOf(target string) string {
	if slices.Contains(others, signedurl.PathOf(target)) {
		return "not a picture"
	}
	v := e.judge(target)
	switch {
	case v.code == "wrong-signature" && len(v.diag.Mistakes) > 0:
		return v.code + ": " + strings.Join(v.diag.Mistakes, "; ")
	case v.err != nil:
		return fmt.Sprintf("%s: %v", v.code, v.err)
	}
	return v.code
}
