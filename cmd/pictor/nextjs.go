package main

import (
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/nextjs"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
)

// nextjsMount reads how the URLs of Next.js are served; nil where they are not. base is the folder of
// sources that begin with a slash.
func nextjsMount(cfg *config.Nextjs, base string) ([]proxy.Mount, error) {
	if !cfg.Nextjs {
		return nil, nil
	}
	dialect := nextjs.Config{Path: cfg.NextjsRoot(), Base: base, Attachment: cfg.NextjsAttachment(),
		MinAge: cfg.NextjsMinimumCacheTTL, SVG: cfg.NextjsDangerouslyAllowSVG}
	var err error
	if dialect.Widths, err = nextjsWidths(cfg); err != nil {
		return nil, err
	}
	if dialect.Qualities, err = cfg.NextjsQualityList(); err != nil {
		return nil, err
	}
	for _, name := range cfg.NextjsFormatNames() {
		f, ok := transform.ParseOutput(name)
		if !ok || f != transform.AVIF && f != transform.WebP && f != transform.JXL {
			return nil, fmt.Errorf("--nextjs-formats has %q: use some of avif, webp and jxl", name)
		}
		dialect.Formats = append(dialect.Formats, f)
	}
	d, err := nextjs.New(dialect)
	if err != nil {
		return nil, fmt.Errorf("--nextjs: %w", err)
	}
	m := proxy.Mount{Name: "nextjs", Prefix: dialect.Path, Parse: d.Parse, Refusal: nextjs.Refusal,
		Formats: dialect.Formats, Statuses: nextjs.Statuses(), SetHeader: nextjs.SetHeader}
	remote, err := sourceRules("--nextjs-remote-patterns", cfg.NextjsRemoteRules())
	if err != nil {
		return nil, err
	}
	m.Sources = append([]origin.SourceRule{}, remote...) // nil would be all
	if base != "" {
		var texts []string
		for _, path := range cfg.NextjsLocalPaths() {
			texts = append(texts, base+strings.TrimLeft(path, "/"))
		}
		local, err := sourceRules("--nextjs-base-url with --nextjs-local-patterns", texts)
		if err != nil {
			return nil, err
		}
		m.Sources = append(m.Sources, local...)
	}
	return []proxy.Mount{m}, nil
}

// nextjsWidths are the widths of both lists, with those of Next.js where one was not set.
func nextjsWidths(cfg *config.Nextjs) ([]int, error) {
	device, image, err := cfg.NextjsWidths()
	if err != nil {
		return nil, err
	}
	knownDevice, knownImage := nextjs.DefaultWidths()
	if device == nil {
		device = knownDevice
	}
	if image == nil {
		image = knownImage
	}
	return append(device, image...), nil
}
