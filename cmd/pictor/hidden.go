package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/hidden"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// hiddenIndexBytes is what the index of hidden sources may take.
func hiddenIndexBytes(cfg *config.Serve) int64 {
	return int64(cfg.MaxHiddenSources) * hidden.IndexBytes
}

// hashKey is the key of the hashes of sources: that of the settings, or else that of the keyring.
func hashKey(h *config.SourceHash, ring *signedurl.Keyring) ([]byte, error) {
	key, err := h.HashKey()
	if key == nil && err == nil {
		key = ring.HashKey()
	}
	return key, config.Invalid(err)
}

// openHidden opens the log of hidden sources, if there may be some. A server whose log cannot be used serves
// without them. One that may have fewer than there are does not start: it would have no memory for them.
// Another server that has the log is waited for until a time.
func openHidden(
	cfg *config.Serve, until time.Time, log *slog.Logger,
) (h proxy.HiddenSources, err error) {
	if cfg.MaxHiddenSources == 0 {
		return h, nil
	}
	dir, err := cfg.StateFolder()
	if err == nil {
		h.Store, err = awaitDirectory(purge.QueueFile(dir), until, hidden.ErrInUse, log, func() (*hidden.Store, error) {
			return hidden.Open(hidden.Config{Dir: dir, Max: cfg.MaxHiddenSources, Log: log})
		})
	}
	switch {
	case errors.Is(err, hidden.ErrTooMany):
		return h, fmt.Errorf("%w: raise --max-hidden-sources (%d)", err, cfg.MaxHiddenSources)
	case errors.Is(err, hidden.ErrInUse):
		log.Warn("log of hidden sources is in use by another process: running without them. "+
			"Set --state-dir to a directory of its own.", "directory", dir)
	case err != nil:
		log.Error("log of hidden sources cannot be used: running without them", "err", err)
	default:
		st := h.Store.Stats()
		log.Info("hidden sources", "registered", st.Sources, "max", st.Max, "directory", dir)
	}
	h.Failure = err
	return h, nil
}

// closeHidden comes after the server.
func (p *parts) closeHidden() error {
	if p.hidden.Store != nil {
		_ = p.hidden.Store.Close() // each source is on disk already
	}
	return nil
}
