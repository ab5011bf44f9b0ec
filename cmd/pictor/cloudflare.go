package main

import (
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/cloudflare"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// cloudflareMount reads how the URLs of Cloudflare are served; nil where they are not. base is the folder
// of sources without a scheme. With insecure there are no bounds.
func cloudflareMount(cfg *config.Unsigned, base string, insecure bool) ([]proxy.Mount, error) {
	root := cfg.CloudflareRoot()
	if root == "" {
		return nil, nil
	}
	settings := cloudflare.Config{Path: root, Files: strings.HasPrefix(base, "local:")}
	m := proxy.Mount{Name: "cloudflare", Prefix: root, OnError: cloudflare.OnError,
		Refusal: "the source is not listed (--unsigned-sources)"}
	if !insecure {
		access, err := unsignedLists(cfg)
		if err != nil {
			return nil, err
		}
		settings.Rules = &access.Rules
		m.Sources = append([]origin.SourceRule{}, access.Sources...) // nil would be all
	}
	m.Parse = cloudflare.New(settings).Parse
	return []proxy.Mount{m}, nil
}
