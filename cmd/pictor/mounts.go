package main

import (
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
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
