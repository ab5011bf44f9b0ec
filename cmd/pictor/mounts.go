package main

import (
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
)

// mountsOf are the dialects at prefixes of their own. nextjsBase is the folder of sources of Next.js
// that begin with a slash.
func mountsOf(u *config.URLs, nextjsBase string) ([]proxy.Mount, error) {
	mounts, err := nextjsMount(&u.Nextjs, nextjsBase)
	if err != nil {
		return nil, err
	}
	thumborPath := ""
	if u.ThumborOn() {
		thumborPath = u.ThumborRoot()
	}
	return mounts, proxy.CheckMounts(mounts, u.Prefix(), thumborPath)
}
