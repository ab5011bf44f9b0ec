package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// unsignedAccess reads what paths without a signature may ask for; nil where there are none.
func unsignedAccess(cfg *config.Unsigned, d *signedurl.Dialect) (*proxy.UnsignedAccess, error) {
	if !cfg.Unsigned {
		return nil, nil
	}
	for _, option := range cfg.Facts() {
		if err := d.CheckFactOption(option); err != nil {
			return nil, fmt.Errorf("--unsigned-info has %q: %w", option, err)
		}
	}
	return unsignedLists(cfg)
}

// unsignedLists reads what the lists allow, whether or not such paths are served.
func unsignedLists(cfg *config.Unsigned) (*proxy.UnsignedAccess, error) {
	access := &proxy.UnsignedAccess{Rules: signedurl.UnsignedRules{Presets: cfg.Presets(), Snap: cfg.UnsignedSnap}}
	rules := &access.Rules
	var err error
	if rules.Widths, rules.Heights, rules.Qualities, err = cfg.Sizes(); err != nil {
		return nil, err
	}
	if rules.DPRs, err = cfg.DPRs(); err != nil {
		return nil, err
	}
	for _, name := range cfg.Formats() {
		f, ok := transform.ParseOutput(name)
		switch {
		case name == "auto":
			rules.Auto = true
		case slices.Contains(signedurl.Placeholders, name):
			rules.Placeholders = append(rules.Placeholders, name)
		case ok:
			rules.Formats = append(rules.Formats, f)
		default:
			return nil, fmt.Errorf("--unsigned-formats has %q: use some of %s, auto and %s", name,
				transform.FormatNames(transform.Outputs), strings.Join(signedurl.Placeholders, ", "))
		}
	}
	rules.Facts = cfg.Facts()
	access.Sources, err = sourceRules("--unsigned-sources", cfg.SourceRules())
	return access, err
}
