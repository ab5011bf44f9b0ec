package main

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/transform"
)

const doFreshKey = "Set a pair that `pictor keys` prints, and sign with it."

// checkSigning looks at keys that work and are weak. No part of a key is in what it says.
func (r *report) checkSigning(cfg *config.Serve) {
	type named struct {
		name string
		pair config.KeyPair
	}
	var all []named
	pairs, _ := cfg.Pairs()
	for i, pair := range pairs {
		all = append(all, named{fmt.Sprintf("key %d", i+1), pair})
	}
	entries, _ := cfg.AccessKeyList()
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		entry := entries[id]
		if pair, err := entry.Pair(); err == nil {
			all = append(all, named{"access key " + id, pair})
		}
	}
	weak := len(r.findings)
	for i, k := range all {
		if bytes.Equal(k.pair.Key, k.pair.Salt) {
			r.note("signing", doFreshKey, "The salt of %s is the key itself: who is shown the salt can sign", k.name)
		}
		for _, other := range all[:i] {
			if bytes.Equal(k.pair.Key, other.pair.Key) {
				r.note("signing", "Give each its own: `pictor keys` prints a fresh pair.",
					"The key of %s is that of %s, too: revoking one of them does not end what it signs",
					k.name, other.name)
			}
		}
	}
	if host, _, err := net.SplitHostPort(cfg.Address()); err == nil && cfg.Insecure && !isLoopbackHost(host) {
		r.note("signing", "Set --key and --salt, or have --listen be a loopback address behind your own server.",
			"--insecure with --listen %s: whoever reaches the port can have any image made", cfg.Address())
	}
	if cfg.Unsigned.Unsigned {
		r.checkUnsigned(cfg)
	}
	if len(all) > 0 && len(r.findings) == weak {
		r.ok("signing", "Keys that sign and verify, each with a salt of its own: %d", len(all))
	}
}

func (r *report) checkUnsigned(cfg *config.Serve) {
	if slices.Contains(cfg.SourceRules(), "*") {
		r.note("signing", "List the hosts and folders that anyone may have.",
			"--unsigned-sources has *: anyone can have images of any host made")
	}
	sizes := cfg.UnsignedWidths + cfg.UnsignedHeights + cfg.UnsignedPresets
	if sizes == "" {
		r.note("signing", "Set --unsigned-widths, --unsigned-heights or --unsigned-presets.",
			"--unsigned has neither widths, heights nor presets: such paths give images in full size alone")
	}
}

func isLoopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// checkConflicts names settings of which one takes the effect of another.
func (r *report) checkConflicts(cfg *config.Serve) {
	for _, c := range []struct {
		is       bool
		do, text string
	}{
		{cfg.FetchTimeout > cfg.RequestTimeout, "Set --fetch-timeout below --request-timeout.",
			"--fetch-timeout is longer than --request-timeout, which ends the request first"},
		{cfg.CacheSources > 0 && cfg.CacheSources > cfg.CacheDisk, "Lower --cache-sources.",
			"--cache-sources is larger than --cache-disk: no room is left for results on disk"},
		{cfg.CacheDisk == config.CacheOff && cfg.CacheDir != "", "Leave out one of them.",
			"--cache-dir has no effect with --cache-disk=off"},
		{cfg.CacheBucket.CacheBucket != "" && cfg.PurgeBus == "", "Set --purge-bus, unless one server alone has it.",
			"--cache-bucket without --purge-bus: a purge at one server does not reach what the others find there"},
		{os.Getenv("GOMEMLIMIT") != "", "Unset it, unless it is meant.",
			"GOMEMLIMIT is set, and replaces the heap limit of the memory plan"},
		{isInside(cfg.CacheDir, cfg.LocalRoot) || isInside(cfg.StateDir, cfg.LocalRoot),
			"Move the directories out of --local-root.",
			"--cache-dir or --state-dir is below --local-root: URLs of local:/// lead to files of the server"},
	} {
		if c.is {
			r.note("settings", c.do, "%s", c.text)
		}
	}
}

func isInside(dir, root string) bool {
	if dir == "" || root == "" {
		return false
	}
	rel, err := filepath.Rel(root, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// checkAutoFormats compares --auto-formats with what may be written by --formats and can be written by libvips.
func (r *report) checkAutoFormats(in *inputs, can *transform.Capabilities) {
	for _, f := range in.autoFormats {
		switch {
		case !in.access.Write.Has(f):
			r.note("formats", "Add it to --formats, or take it out of --auto-formats.",
				"--auto-formats has %s, which --formats does not let be written", f)
		case can != nil && !slices.Contains(can.Save, f):
			r.note("formats", "Install its codec, or take it out of --auto-formats.",
				"--auto-formats has %s, which this libvips cannot write", f)
		}
	}
}
