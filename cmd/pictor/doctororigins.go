package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// probe is a source that is asked for, where a setting leads to.
type probe struct {
	setting, source string
	// hasCredentials: the origin gets some of the settings.
	hasCredentials bool
}

// originProbes are one for each origin that the settings name.
func originProbes(cfg *config.Serve, in *inputs) (all []probe) {
	add := func(setting, folder string) { all = append(all, probe{setting: setting, source: folder + probeName()}) }
	if cfg.BaseURL != "" {
		add("--base-url", "")
	}
	if cfg.NextjsBaseURL != "" {
		add("--nextjs-base-url", cfg.NextjsBaseURL)
	}
	for _, name := range slices.Sorted(maps.Keys(in.rewrites.Aliases)) {
		add("--source-aliases "+name, name+"://")
	}
	for _, from := range slices.Sorted(maps.Keys(in.rewrites.Prefixes)) {
		add("--rewrite-sources "+from, from)
	}
	entries, _ := cfg.Entries()
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		for _, rule := range entries[name].Sources {
			folder := ruleURL(inAlias(rule, in.rewrites.Aliases))
			if folder == "" {
				continue
			}
			add("--origins "+name, folder)
			all[len(all)-1].hasCredentials = entries[name].Headers["Authorization"] != ""
		}
	}
	return all
}

// originChecks ask by the fetcher that serve has: with its address guard, credentials, certificates and proxies.
func originChecks(cfg *config.Serve, in *inputs) (checks []func(*report)) {
	settings := fetcherConfig(cfg, in)
	settings.Timeout, settings.FirstByte = networkPatience, networkPatience
	fetcher, err := origin.New(settings)
	if err != nil {
		return []func(*report){func(r *report) { r.problemOf("settings", doSettings, config.Invalid(err)) }}
	}
	for _, p := range originProbes(cfg, in) {
		checks = append(checks, func(r *report) { r.checkOrigin(fetcher, p) })
	}
	return checks
}

// checkOrigin fetches a source that is not there. The body of what is answered instead is dropped.
func (r *report) checkOrigin(fetcher *origin.Fetcher, p probe) {
	ctx, cancel := context.WithTimeout(context.Background(), networkPatience)
	defer cancel()
	_, err := fetcher.Fetch(ctx, p.source, io.Discard, nil)
	switch {
	case errors.Is(err, origin.ErrBadSource), errors.Is(err, origin.ErrSourceNotAllowed):
		r.problem("origin", "Correct it, or add it to --allow-sources.", "%s leads to sources that are refused: %v",
			p.setting, causeOf(err))
	case errors.Is(err, origin.ErrRefused):
		r.problem("origin", "Add its address to --allow-networks, if it is meant.",
			"%s leads to a private address: %v", p.setting, causeOf(err))
	case errors.Is(err, origin.ErrUnreachable):
		r.problem("origin", "Start it, or look at its address, the firewall and its certificate.",
			"The origin of %s cannot be reached: %v", p.setting, causeOf(err))
	case errors.Is(err, origin.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		r.problem("origin", "Look at the origin and the firewall before it.", "The origin of %s does not answer in %v",
			p.setting, networkPatience)
	case errors.Is(err, origin.ErrDenied) && p.hasCredentials && isRefusal(causeOf(err)):
		r.note("origin", "Look at its credentials, unless it refuses what is missing.",
			"The origin of %s denies a source that is not there: %v", p.setting, causeOf(err))
	case errors.Is(err, origin.ErrStatus), errors.Is(err, origin.ErrRedirects), errors.Is(err, origin.ErrLoop):
		r.note("origin", "Look at what the origin says of it.", "The origin of %s answers to a source that is not "+
			"there: %v", p.setting, causeOf(err))
	default:
		r.ok("origin", "The origin of %s answers", p.setting)
	}
}

func isRefusal(cause string) bool {
	return strings.Contains(cause, http.StatusText(http.StatusUnauthorized)) ||
		strings.Contains(cause, http.StatusText(http.StatusForbidden))
}

// causeOf is the cause of a failed fetch without the URL, which may hold a secret.
func causeOf(err error) string {
	var detailed interface{ Details() string }
	if !errors.As(err, &detailed) {
		return err.Error()
	}
	cause := detailed.Details()
	if rest, ok := strings.CutPrefix(cause, `Get "`); ok {
		if _, after, ok := strings.Cut(rest, `": `); ok {
			cause = after
		}
	}
	return cause
}
