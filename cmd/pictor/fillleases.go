package main

import (
	"fmt"
	"log/slog"

	"github.com/pictor-proxy/pictor/cache/leases"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
)

// openLeases opens the leases that the settings name; nil for none. It does not wait for Redis.
func openLeases(cfg *config.Serve, log *slog.Logger) (*proxy.FillLeases, error) {
	if cfg.FillLeases.FillLeases == "" {
		return nil, nil
	}
	l, err := leases.Open(leases.Config{
		Address: string(cfg.FillLeases.FillLeases), Cluster: cfg.PurgeBusName, Log: log,
	})
	if err != nil {
		return nil, config.Invalid(fmt.Errorf("--fill-leases is %w", err))
	}
	return &proxy.FillLeases{
		Leases: l, From: cfg.FillLeasesFrom, Wait: cfg.FillLeasesWait, HandOver: int64(cfg.FillLeasesHandover),
	}, nil
}

func (p *parts) closeLeases() error {
	if p.leases == nil {
		return nil
	}
	return p.leases.Close()
}
