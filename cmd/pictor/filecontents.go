package main

import (
	"cmp"
	"crypto/x509"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// fileContents are settings that the text of a setting does not show, by its name, as they are in files that it names.
type fileContents map[string]any

// contentsOf has what was read without an error before.
func contentsOf(cfg *config.Serve, in *inputs) fileContents {
	c := fileContents{"fallback-image": withoutTimes(in.fallback), "origins": filesOf(in.origins)}
	c["access-keys"], _ = cfg.AccessKeyList()
	c["presets-file"], _ = cfg.PresetList()
	c["accounts"], _ = cfg.AccountList()
	if in.tls != nil {
		c["tls-cert"] = in.tls.content
	}
	if in.watermark != nil {
		c["watermark"] = in.watermark.Version
	}
	return c
}

// withoutTimes is only what images there are.
func withoutTimes(f proxy.Fallback) proxy.Fallback {
	f.Status, f.TTL = 0, 0
	return f
}

// originFiles are what entries of --origins name files for.
type originFiles struct {
	headers      []http.Header
	certificates [][]byte
	roots        []*x509.CertPool
}

func filesOf(all []origin.Settings) (f originFiles) {
	for _, s := range all {
		f.headers = append(f.headers, s.Header)
		if s.Certificate != nil {
			f.certificates = append(f.certificates, s.Certificate.Certificate...)
		}
		if s.Roots != nil {
			f.roots = append(f.roots, s.Roots)
		}
	}
	return f
}

// isEqual is reflect.DeepEqual, but for pools of certificates, which have an Equal of their own.
func isEqual(a, b any) bool {
	f, ok := a.(originFiles)
	g, both := b.(originFiles)
	if !ok || !both {
		return reflect.DeepEqual(a, b)
	}
	return slices.EqualFunc(f.roots, g.roots, (*x509.CertPool).Equal) && reflect.DeepEqual(f.headers, g.headers) &&
		reflect.DeepEqual(f.certificates, g.certificates)
}

// inFiles are settings by the beginning of the names of those that name files for the same.
var inFiles = map[string]string{"tls-cert": "tls-", "presets-file": "presets", "fallback-image": "fallback-"}

// differences are the names of what differs, but for what is named already.
func (c fileContents) differences(before fileContents, named []string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(c)) {
		family := cmp.Or(inFiles[name], name)
		isNamed := slices.ContainsFunc(named, func(n string) bool { return strings.HasPrefix(n, family) })
		if was, ok := before[name]; ok && !isNamed && !isEqual(c[name], was) {
			names = append(names, name)
		}
	}
	return names
}
