package main

import (
	"runtime/debug"

	"github.com/pictor-proxy/pictor/proxy"
)

// buildInfo is what metrics say of the programs.
func (p *parts) buildInfo() proxy.BuildInfo {
	info := proxy.BuildInfo{Version: version, Revision: revision()}
	if v := p.libvips.Load(); v != nil {
		info.Libvips = *v
	}
	return info
}

// revision is the commit that pictor was built from, with a mark where files had been changed; "" where Go did not
// know it.
func revision() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, mark := "", ""
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			mark = "-dirty"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + mark
}
