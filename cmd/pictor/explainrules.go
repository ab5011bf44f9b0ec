package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// explainSources are the settings of sources that explain knows.
type explainSources struct {
	config.SourceSettings `embed:""`
	config.Fallback       `embed:""`
	config.CacheBucket    `embed:""`
}

// explainStored are settings of what is served in place of an image, and of where it is kept.
type explainStored struct {
	fallback config.Fallback
	bucket   config.CacheBucket
	deferral proxy.Deferral
}

// explainResults are settings of what results may be. offered are the formats of --auto-formats.
type explainResults struct {
	limits  transform.Limits
	offered []transform.Format
}

// fetcher reads sources as a server with these settings does. It takes any folder for that of local sources, as
// nothing is opened.
func (cfg *explainSources) fetcher() (*origin.Fetcher, error) {
	rewrites, rules, err := readSources(&cfg.SourceSettings)
	if err != nil {
		return nil, err
	}
	passed, err := cfg.passedHeaders(rewrites.Aliases)
	if err != nil {
		return nil, err
	}
	return origin.New(origin.Config{Rewrites: rewrites, Allow: rules, Origins: passed,
		AllowNetworks: cfg.AllowNetworks, Local: os.DirFS(".").(fs.StatFS)})
}

// passedHeaders are the settings of origins as far as they say which headers of a client go on to them: the files that
// others name need not be here.
func (cfg *explainSources) passedHeaders(aliases map[string]string) (all []origin.Settings, err error) {
	entries, err := cfg.Entries()
	if err != nil {
		return nil, err
	}
	for name, o := range entries {
		entries[name] = config.Origin{Sources: o.Sources, PassHeaders: o.PassHeaders}
	}
	return settingsOfOrigins(entries, aliases)
}

// writeBucket tells whether other servers get the result from the bucket.
func (e *explainer) writeBucket(v verdict, say func(label, text string)) {
	if e.stored.bucket.CacheBucket == "" {
		return
	}
	if v.isUpload {
		say("bucket", "no: results of uploads are not cached")
		return
	}
	admit := e.stored.bucket.CacheBucketAdmit
	when, ok := map[string]string{
		cache.AdmitSecond.String(): "when it is asked for the second time at one server",
		cache.AdmitSlow.String():   "if it takes " + cache.SlowEffort.String() + " or more to make",
		cache.AdmitAll.String():    "as soon as it is made",
	}[admit]
	if !ok {
		say("bucket", fmt.Sprintf("no server starts with --cache-bucket-admit %q", admit))
		return
	}
	text := fmt.Sprintf("shared %s (--cache-bucket-admit %s), unless the origin forbids to store it", when, admit)
	if names := e.sources.PassedHeaders(v.req.Source); v.req.Source != "" && len(names) > 0 {
		text += "; not for requests with " + strings.Join(names, " or ") + ", which go on to the origin (pass-headers)"
	}
	say("bucket", text)
}

var errExpired = errors.New("it was good until")

// codeOf is the server's code of what is wrong with a URL.
func codeOf(err error) string {
	for code, is := range map[string]error{"unknown-option": signedurl.ErrUnknownOption,
		"unknown-preset": signedurl.ErrUnknownPreset, "unsigned": signedurl.ErrUnsigned,
		"key-revoked": proxy.ErrKeyRevoked, "key-policy": proxy.ErrKeyPolicy,
		"not-in-list": signedurl.ErrNotInList, "bad-argument": signedurl.ErrBadArgument,
		"malformed-path": signedurl.ErrMalformed, "expired": errExpired,
		"source-not-allowed": origin.ErrSourceNotAllowed, "bad-source": origin.ErrBadSource,
		"source-unreachable": origin.ErrRefused} {
		if errors.Is(err, is) {
			return code
		}
	}
	if errors.Is(err, signedurl.ErrScope) {
		return "key-policy"
	}
	return "internal"
}

// writeChoice tells what is picked of signed lists.
func (e *explainer) writeChoice(v verdict, say func(label, text string)) {
	picks, err := e.dialect.PicksOf(v.diag.Signed)
	choice := strings.TrimPrefix(v.choice.String(), "/")
	switch {
	case err != nil || v.unsigned != "":
	case choice != "" && picks != (signedurl.Picks{}):
		say("choice", choice+", of "+picks.String())
	case choice != "":
		say("choice", choice+", of no list")
	case picks != (signedurl.Picks{}):
		say("choice", "none, so the first values of "+picks.String())
	}
}

// writeSource tells where a source is fetched from, and what is served where that fails.
func (e *explainer) writeSource(req signedurl.Request, say func(label, text string)) {
	source := req.Source
	say("source", source)
	if req.IsHidden() {
		say("source", "hidden behind the hash "+req.SourceHash.String()+": `pictor sources show` asks a server for it")
	} else if at := e.sources.Identity(source); at != source {
		say("fetched from", at)
	}
	for _, image := range []struct{ label, flag, value string }{
		{"if missing", "--fallback-missing", e.stored.fallback.FallbackMissing},
		{"if failed", "--fallback-failed", e.stored.fallback.FallbackFailed},
		{"if no image", "--fallback-undecodable", e.stored.fallback.FallbackUndecodable},
	} {
		if image.value == "" {
			image.flag, image.value = "--fallback-image", e.stored.fallback.FallbackImage
		}
		if image.value == "" {
			continue
		}
		if strings.HasPrefix(image.value, "data:") {
			image.value = "the data: URL"
		}
		status := "the status of the error"
		if n := e.stored.fallback.FallbackStatus; n != 0 {
			status = fmt.Sprintf("status %d", n)
		}
		say(image.label, fmt.Sprintf("%s, with %s (%s)", image.value, status, image.flag))
	}
}

// judgeMounted judges what follows the prefix of a mount.
func (e *explainer) judgeMounted(m *proxy.Mount, rest string) verdict {
	v := verdict{code: "ok", diag: signedurl.Diagnosis{Valid: true, Signed: rest},
		unsigned: "none, as " + m.Name + " URLs have none", offersOwn: m.Formats != nil}
	v.checkSource = func(source string) error { return m.CheckSource(e.sources, source) }
	req, err := m.Parse(rest)
	e.judgeRest(&v, req, err)
	return v
}

// joinCauses joins two errors in one line.
func joinCauses(a, b error) error {
	if a != nil && b != nil {
		return fmt.Errorf("%w, and %w", a, b)
	}
	return errors.Join(a, b)
}
