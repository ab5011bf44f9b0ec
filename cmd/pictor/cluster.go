package main

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"sync"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/cache/purge/bus"
	"github.com/pictor-proxy/pictor/config"
)

// cluster is the server's place among others. A nil cluster is that of a server alone.
type cluster struct {
	bus  purge.Bus
	with *purge.Cluster
	// left: a server that leaves twice would withdraw one that has taken its name meanwhile.
	left sync.Once
}

// joinCluster joins the cluster that the settings name, if any. It does not wait for the bus.
func joinCluster(cfg *config.Serve, clock *purge.Clock, entries *cache.Cache, log *slog.Logger) (*cluster, error) {
	if cfg.PurgeBus == "" {
		return nil, nil
	}
	b, err := bus.Open(string(cfg.PurgeBus), cfg.PurgeBusName)
	if err != nil {
		return nil, config.Invalid(err)
	}
	policy, ok := purge.ParseDoubt(cfg.PurgeInDoubt)
	if !ok {
		return nil, config.Invalid(errors.New("--purge-in-doubt is unknown"))
	}
	name := cfg.ServerName
	if name == "" {
		name = randomName()
	}
	g, err := purge.Join(clock, b, purge.ClusterConfig{
		Server: name, MaxLag: cfg.PurgeMaxLag, Policy: policy, Log: log, Applied: entries.Purged,
	})
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	log.Info("purge bus", "name", cfg.PurgeBusName, "server", name, "max_lag", cfg.PurgeMaxLag.String(),
		"in_doubt", policy.String())
	return &cluster{bus: b, with: g}, nil
}

// randomName tells servers of one machine apart, and a server from the one before it: the others wait
// for that one until its lease has ended.
func randomName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "pictor"
	}
	return host + "-" + rand.Text()[:6]
}

func (c *cluster) joined() *purge.Cluster {
	if c == nil {
		return nil
	}
	return c.with
}

func (c *cluster) close() error {
	if c == nil {
		return nil
	}
	var err error
	c.left.Do(func() {
		c.with.Close()
		err = c.bus.Close()
	})
	return err
}
