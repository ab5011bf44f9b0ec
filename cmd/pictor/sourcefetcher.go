package main

import (
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// fetcherConfig is how sources are fetched.
func fetcherConfig(cfg *config.Serve, in *inputs) origin.Config {
	return origin.Config{
		MaxBytes: int64(cfg.MaxSourceSize), Timeout: cfg.FetchTimeout, FirstByte: cfg.FirstByteTimeout(),
		AllowNetworks: allowedNetworks(cfg.AllowNetworks, cfg.Dev), Allow: in.rules,
		Local: in.local, Rewrites: in.rewrites,
		Origins: in.origins, Images: in.images, Accounts: in.accounts,
		UserAgent: "pictor/" + version,
	}
}
