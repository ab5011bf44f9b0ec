package main

import (
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// mountSettings are those that dialects at prefixes of their own are read by.
type mountSettings struct {
	urls *config.URLs
	// base is the folder of sources without a scheme, and nextjsBase that of Next.js.
	base, nextjsBase string
	insecure         bool
}

// mountsOf are the dialects at prefixes of their own.
func mountsOf(m mountSettings) ([]proxy.Mount, error) {
	u := m.urls
	mounts, err := nextjsMount(&u.Nextjs, m.nextjsBase)
	if err != nil {
		return nil, err
	}
	more, err := cloudflareMount(&u.Unsigned, m.base, m.insecure)
	if err != nil {
		return nil, err
	}
	mounts = append(mounts, more...)
	thumborPath := ""
	if u.ThumborOn() {
		thumborPath = u.ThumborRoot()
	}
	return mounts, proxy.CheckMounts(mounts, u.Prefix(), thumborPath)
}

// allMounts are those of mountsOf and those of imaginary, which need to know what the fetcher may fetch. What has no
// signature there goes by the rules.
func allMounts(cfg *config.Serve, rules proxy.Rules, fetcher *origin.Fetcher) ([]proxy.Mount, error) {
	mounts, err := mountsOf(mountSettings{&cfg.URLs, cfg.BaseURL, cfg.NextjsBase(), cfg.Insecure})
	if err != nil {
		return nil, err
	}
	more, err := imaginaryMounts(cfg, rules, fetcher)
	return append(mounts, more...), err
}
