package main

import (
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// judgeInfo judges a path of facts; false for other paths.
func (e *explainer) judgeInfo(path string) (v verdict, ok bool) {
	target, ok := signedurl.CutInfo(signedurl.WithoutPrefix(path, e.prefix))
	if !ok {
		return v, false
	}
	if rest, ok := signedurl.CutUnsigned(target); ok && e.unsigned != nil {
		v = e.unsignedVerdict(rest, "/info/unsigned/")
		req, err := e.dialect.ParseInfoUnderRules(rest, e.unsigned.Rules)
		e.judgeRest(&v, req, err)
		return v, true
	}
	v = e.signedVerdict(target)
	if v.diag.Signed == "" {
		return v, true
	}
	req, err := e.dialect.ParseUnsignedInfo(v.diag.Signed)
	e.judgeRest(&v, req, err)
	e.judgeKey(&v)
	return v, true
}

// checkInfoPolicy says what a policy refuses of a path of facts.
func (e *explainer) checkInfoPolicy(v *verdict, policy proxy.AccessPolicy) error {
	within, err := e.dialect.Within(policy.Scope)
	if err == nil {
		_, err = within.ParseUnsignedInfo(v.diag.Signed)
	}
	if err != nil {
		return err
	}
	return policy.Check(v.req, e.sources.IsAmong, time.Now())
}

// writeInfo tells which facts a path asks for.
func (e *explainer) writeInfo(req signedurl.Request, say func(label, text string)) {
	e.writeSource(req, say)
	say("facts", strings.Join(req.Meta.Facts.Names(), ", "))
	if req.Source != "" {
		say("cache key", req.Canonical())
	}
}
