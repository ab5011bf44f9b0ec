package main

import (
	"fmt"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// judgeUpload is what a path for an upload comes to; false for one of another kind.
func (e *explainer) judgeUpload(path string) (v verdict, ok bool) {
	target, ok := signedurl.CutUpload(signedurl.WithoutPrefix(path, e.prefix))
	if !ok || e.insecure {
		return v, false // any word is a signature there, and the path perhaps one of a source
	}
	v = e.signedVerdict(target)
	if v.diag.Signed == "" {
		return v, true
	}
	v.req, v.err = e.dialect.ParseUnsignedUpload(v.diag.Signed)
	v.isUpload = v.err == nil
	if v.isUpload && v.req.Expired(time.Now()) {
		v.err = fmt.Errorf("%w %s", errExpired, time.Unix(v.req.Expires, 0).UTC().Format(time.RFC3339))
	}
	if v.err != nil {
		v.errCode = codeOf(v.err)
	}
	if v.code == "ok" && v.err != nil {
		v.code = v.errCode
	}
	return v, true
}
