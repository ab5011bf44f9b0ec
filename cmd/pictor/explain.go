package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/facts"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// explainCmd tells what a URL is to the server, and what is wrong with it.
type explainCmd struct {
	config.File           `embed:""`
	config.Keys           `embed:""`
	config.Access         `embed:""`
	config.URLs           `embed:""`
	config.Animations     `embed:""`
	config.OfferedFormats `embed:""`
	config.Deferral       `embed:""`
	explainSources        `embed:""`

	URL      string `arg:"" optional:"" help:"URL or path of an image."`
	Batch    string `help:"File of URLs, paths or access log lines, or - for standard input. Counts them by result, each with an example." placeholder:"FILE"`
	Source   string `help:"A local copy of the source image, for sizes and memory. Default: a JPEG of 4000x3000." placeholder:"FILE"`
	Insecure bool   `help:"Explain as a server with --insecure does, which accepts any signature."`
}

// Validate is the Keys' and the URLs'.
func (cmd *explainCmd) Validate() error {
	if (cmd.URL == "") == (cmd.Batch == "") {
		return errors.New("takes a URL, or --batch with a file of them, and not both")
	}
	return errors.Join(cmd.Keys.Validate(), cmd.URLs.Validate(), cmd.Animations.Validate(),
		config.Invalid(cmd.Deferral.Check()))
}

func (cmd *explainCmd) Run() error {
	e, err := cmd.newExplainer()
	if err != nil {
		return err
	}
	if cmd.Batch != "" {
		return e.explainLog(cmd.Batch, os.Stdout)
	}
	return e.explainURL(cmd.URL, os.Stdout)
}

// explainer reads URLs as a server with the same settings does.
type explainer struct {
	// ring is nil where there is no key to check signatures with.
	ring        *signedurl.Keyring
	size        int // of a signature, in bytes
	dialect     *signedurl.Dialect
	thumbor     *thumbor.Dialect
	thumborRoot string
	explainAccess
	// sources fetches nothing here.
	sources  *origin.Fetcher
	stored   explainStored
	mounts   []proxy.Mount
	prefix   string
	insecure bool
	info     transform.Info
	assumed  bool
	explainResults
}

func (cmd *explainCmd) newExplainer() (*explainer, error) {
	e := &explainer{size: cmd.SignatureSize, prefix: cmd.Prefix(), thumborRoot: cmd.ThumborRoot(),
		insecure: cmd.Insecure, assumed: cmd.Source == "",
		stored:         explainStored{cmd.Fallback, cmd.CacheBucket, deferralOf(&cmd.Deferral)},
		explainResults: explainResults{limits: limitAnimations(transform.Limits{}, cmd.Animations)},
		info: transform.Info{Format: transform.JPEG, Width: 4000, Height: 3000, Orientation: 1, Frames: 1, Bands: 3,
			Bits: 8, Scans: 1}}
	var err error
	if e.thumbor, err = thumborDialect(&cmd.Thumbor); err != nil {
		return nil, config.Invalid(err)
	}
	if e.offered, err = autoFormats(cmd.AutoFormatNames()); err != nil {
		return nil, config.Invalid(err)
	}
	if e.dialect, err = newDialect(&cmd.URLs); err != nil {
		return nil, config.Invalid(err)
	}
	if e.unsigned, err = unsignedAccess(&cmd.Unsigned, e.dialect); err != nil {
		return nil, config.Invalid(err)
	}
	if e.sources, err = cmd.explainSources.fetcher(); err != nil {
		return nil, config.Invalid(err)
	}
	bases := mountSettings{&cmd.URLs, cmd.BaseURL, cmp.Or(cmd.NextjsBaseURL, cmd.BaseURL), cmd.Insecure}
	if e.mounts, err = mountsOf(bases); err != nil {
		return nil, config.Invalid(err)
	}
	if cmd.Key != "" || cmd.AccessKeys != "" || cmd.Insecure {
		if e.ring, err = newKeyring(cmd.Keys, cmd.Access, cmd.Trusted(), cmd.Insecure); err != nil {
			return nil, err
		}
	}
	if e.policies, err = accessPolicies(&cmd.Access, e.dialect); err != nil || cmd.Source == "" {
		return e, config.Invalid(err)
	}
	b, err := os.ReadFile(cmd.Source)
	if err == nil {
		e.info, err = container.Sniff(b)
	}
	return e, err
}

// verdict is what a URL comes to.
type verdict struct {
	// code is the server's, "ok" for an image.
	code string
	diag signedurl.Diagnosis
	// unchecked says that there is no key for the signature.
	unchecked bool
	// isUpload says that the source is the body of a request.
	isUpload bool
	// unsigned says why the URL has no signature; "" for one that has. checkSource, where it is set, then says
	// whether its source is one that such URLs may name.
	unsigned    string
	checkSource func(source string) error
	// offersOwn says that the dialect has formats of its own to choose from, in place of --auto-formats.
	offersOwn bool
	// choice is what stands before the signature, of lists that are signed.
	choice signedurl.Choice
	// req is that of a path that can be read, also where it is refused.
	req signedurl.Request
	// err is what is wrong with options or source, whatever the signature is, and
	// errCode the code that it has.
	err     error
	errCode string
}

// judgeRest adds what options and source come to, which were read with this
// result.
func (e *explainer) judgeRest(v *verdict, req signedurl.Request, err error) {
	switch v.req = req; {
	case err != nil:
	case req.Expired(time.Now()):
		err = fmt.Errorf("%w %s", errExpired, time.Unix(req.Expires, 0).UTC().Format(time.RFC3339))
	case req.IsHidden(): // only a server knows which source it is
	case v.checkSource != nil:
		err = v.checkSource(req.Source)
	}
	if err == nil && !req.IsHidden() {
		err = e.sources.Permits(req.Source)
		if err == nil && req.Source != "" {
			err = e.sources.CheckAddress(req.Source)
		}
	}
	if v.err = err; err != nil {
		v.errCode = codeOf(err)
	}
	if v.code == "ok" && v.err != nil {
		v.code = v.errCode
	}
}

// signedVerdict judges the signature in front of a path whose values no client picks.
func (e *explainer) signedVerdict(target string) verdict {
	v := verdict{code: "ok", unchecked: e.ring == nil}
	if v.unchecked {
		v.diag = signedurl.DiagnoseForm(target, "", e.size)
	} else {
		v.diag = e.ring.Diagnose(target, "")
	}
	if !v.diag.Valid {
		v.code = "wrong-signature"
	}
	return v
}

// unsignedVerdict is that of a path that needs no signature, as it begins with root: rest is what follows.
func (e *explainer) unsignedVerdict(rest, root string) verdict {
	return verdict{
		code: "ok", diag: signedurl.Diagnosis{Valid: true, Signed: rest},
		unsigned:    "none, as the path begins with " + root,
		checkSource: func(source string) error { return e.unsigned.CheckSource(e.sources, source) },
	}
}

func (e *explainer) verdictOn(target string) verdict {
	if m, rest := proxy.MountOf(e.mounts, strings.TrimSpace(target)); m != nil {
		return e.judgeMounted(m, rest)
	}
	path := signedurl.PathOf(strings.TrimSpace(target))
	if root := strings.TrimSuffix(e.thumborRoot, "/"); e.thumbor != nil {
		if rest := signedurl.WithoutPrefix(path, root); rest != "" {
			if v, ok := e.judgeThumbor(rest); ok {
				return v
			}
		}
	}
	if v, ok := e.judgeUpload(path); ok {
		return v
	}
	if v, ok := e.judgeInfo(path); ok {
		return v
	}
	v := verdict{code: "ok", unchecked: e.ring == nil}
	if rest, ok := signedurl.CutUnsigned(signedurl.WithoutPrefix(path, e.prefix)); ok && e.unsigned != nil {
		v = e.unsignedVerdict(rest, "/unsigned/")
		req, err := e.dialect.ParseUnderRules(rest, e.unsigned.Rules)
		e.judgeRest(&v, req, err)
		return v
	}
	v.diag, v.choice = e.dialect.DiagnoseChoice(e.ring, strings.TrimSpace(target), e.prefix, e.size)
	if _, ok := signedurl.CutUnsigned(signedurl.WithoutPrefix(path, e.prefix)); ok && !v.diag.Valid {
		v.diag.Mistakes = []string{"the path begins with /unsigned/, which stands for a signature only on a server " +
			"with --unsigned"}
	}
	if !v.diag.Valid {
		v.code = "wrong-signature"
	}
	if v.diag.Signed != "" {
		req, err := e.dialect.ParseUnsignedChoice(v.diag.Signed, v.choice)
		e.judgeRest(&v, req, err)
		e.judgeKey(&v)
	}
	return v
}

func (e *explainer) judgeThumbor(path string) (verdict, bool) {
	verified, err := e.thumbor.Verify(path)
	if err != nil {
		if e.thumborRoot == "/" {
			return verdict{}, false // perhaps a native one
		}
		first, after, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		v := verdict{code: "wrong-signature", diag: signedurl.Diagnosis{
			Signed: after, Want: e.thumbor.Sign(after), Mistakes: []string{first +
				" is not the hash of what follows it"},
		}}
		if after != "" {
			req, err := e.thumbor.ParseUnsigned(after)
			e.judgeRest(&v, req, err)
		}
		return v, true
	}
	v := verdict{code: "ok", diag: signedurl.Diagnosis{Valid: true, Signed: verified.String()}}
	if !strings.HasSuffix(path, verified.String()) {
		v.diag.Damage = "the path was escaped after it was signed"
	}
	req, err := e.thumbor.Parse(verified)
	e.judgeRest(&v, req, err)
	return v, true
}

var errWrongSignature = errors.New("the signature does not match this path")

// explainURL tells all of a URL. A wrong one is also an error, for scripts.
func (e *explainer) explainURL(target string, out io.Writer) error {
	return e.explainTo(target, func(label, text string) {
		if text != "" {
			fmt.Fprintf(out, "%-12s %s\n", label, text)
		}
	})
}

// explainTo is explainURL, line by line. The text of a line may be empty.
func (e *explainer) explainTo(target string, say func(label, text string)) error {
	v := e.verdictOn(target)
	say("signed part", v.diag.Signed)
	say("damage", v.diag.Damage)
	wrong := e.writeSignature(v, say)
	e.writeChoice(v, say)
	if v.err != nil && v.errCode != "expired" {
		say("wrong", v.err.Error())
	}
	switch {
	case v.req.IsInfo():
		e.writeInfo(v.req, say)
	case v.req.Source != "" || v.req.IsHidden() || v.isUpload:
		e.writeRequest(v.req, v.offersOwn, say)
		e.writeBucket(v, say)
	}
	return joinCauses(wrong, v.err)
}

// writeSignature tells of it, and gives the error that a wrong one is.
func (e *explainer) writeSignature(v verdict, say func(label, text string)) error {
	mistakes := v.diag.Mistakes
	switch {
	case v.code == "wrong-signature":
		say("signature", "wrong")
		if len(mistakes) == 0 {
			mistakes = []string{"it is none of the usual mistakes: another key, or a path that was changed after it " +
				"was signed"}
		}
	case v.unsigned != "":
		say("signature", v.unsigned)
		return nil
	case v.unchecked:
		say("signature", "not checked: there is no key (set --key and --salt, or PICTOR_KEY and PICTOR_SALT)")
		return nil
	case e.insecure:
		say("signature", "any passes (--insecure)")
		return nil
	default:
		say("signature", "right")
		say("key", v.diag.KeyID)
		return nil
	}
	for i, m := range mistakes {
		say(map[bool]string{true: "why", false: "and"}[i == 0], m)
	}
	say("right", v.diag.Want)
	return errWrongSignature
}

// writeRequest tells what is asked for, and what it will cost. offersOwn is that of the verdict.
func (e *explainer) writeRequest(req signedurl.Request, offersOwn bool, say func(label, text string)) {
	e.writeSource(req, say)
	say("options", req.Params.String())
	if req.Expires != 0 {
		say("until", time.Unix(req.Expires, 0).UTC().Format(time.RFC3339))
	}
	if req.Source != "" { // of others there is none, or only a server knows it
		say("cache key", req.Canonical())
	} else if !req.IsHidden() {
		say("source", "the body of a POST (--allow-uploads)")
	}
	req.Params = facts.ImageFor(req.Meta, req.Params)
	out, why := req.Params, "requested"
	switch {
	case req.IsPlaceholder():
		why = "from which the text of the placeholder " + req.Meta.Form + " is made"
	case out.Best != 0:
		out.Format, why = transform.JPEG, "one of those that the smallest is chosen from"
	}
	if out.Format == transform.FormatUnknown {
		out.Format, why = e.info.Format, "the source's"
	}
	byDefault := len(e.offered) > 0 && !offersOwn
	if req.Auto || byDefault && !req.NamesFormat() {
		another := "another one"
		if byDefault {
			another = "another one of --auto-formats (" + transform.FormatNames(e.offered) + ")"
		}
		why += "; clients that accept " + another + " by Accept get that, of an animation only one that moves"
	}
	say("format", fmt.Sprintf("%s, %s", out.Format, why))
	say("deferred", e.stored.deferral.Explain(req))
	info := e.info
	if !out.AsItIs(info) {
		req.Params.Format = out.Format
		var err error
		if info, out, err = planPages(e.limits, req, info); err != nil {
			say("refused", err.Error())
			return
		}
		say("frames", framesOf(info, out))
	}
	g := transform.NewGeometry(info, out)
	what := "of a JPEG of 4000x3000"
	if !e.assumed {
		what = fmt.Sprintf("of this %s of %dx%d", e.info.Format, e.info.Width, e.info.Height)
	}
	if out.AsItIs(e.info) {
		say("result", what+": the source unchanged")
		return
	}
	say("result", fmt.Sprintf("%s: %dx%d", what, g.Width, g.Height))
	need := transform.WorkingSet(info, g, out)
	say("memory", fmt.Sprintf("%s: at most %.0f MiB to process, %.0f MiB for the result",
		what, float64(need)/(1<<20), float64(transform.ResultBytes(info, g, out))/(1<<20)))
}
