package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// PurgeRequest is the body of POST /purge.
type PurgeRequest struct {
	// URLs are image URLs, in any spelling, with or without a valid signature. Sources are
	// URLs of sources, and name all results made of them. Tags are those of URLs (ct:) and
	// of origins. Prefixes are beginnings of the URLs of sources, Hosts their hosts. All
	// names everything, and cannot be combined with other targets.
	URLs     []string `json:"urls,omitempty"`
	Sources  []string `json:"sources,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Prefixes []string `json:"prefixes,omitempty"`
	Hosts    []string `json:"hosts,omitempty"`
	All      bool     `json:"all,omitempty"`
	// Mode is "hard", after which entries are not served any more, or "soft", after which
	// they are stale. The default is hard, but soft where All is set.
	Mode string `json:"mode,omitempty"`
	// Wait is "all", which waits until each server of the cluster has applied the purge, or "local", which
	// waits for the one that is asked alone. The default is all. Without a purge bus they are the same.
	Wait string `json:"wait,omitempty"`
}

// PurgeAnswer is what POST /purge answers: the purge is kept, and in force on this server.
type PurgeAnswer struct {
	Sequence uint64 `json:"sequence"`
	// Log is the identity of the log that the sequence is of, or with a purge bus of the bus, 32
	// hexadecimal digits. Another log begins with 1 again.
	Log string `json:"log"`
	// Applied is when, in RFC 3339.
	Applied string `json:"applied"`
	Mode    string `json:"mode"`
	// CDNTags is what to purge at the CDN now, by the tags in its header.
	CDNTags []string `json:"cdn_tags"`
	clusterAnswer
}

const (
	maxPurgeBody = 1 << 20
	// What a purge may name, with what that comes to: so few that what it makes
	// the clock fold is older than itself.
	maxPurgeTargets  = purge.DefaultMaxExact / 4
	maxPurgePrefixes = purge.DefaultMaxPrefixes / 2
)

// purgeBody is the body of POST /purge.
var purgeBody = adminBody{most: maxPurgeBody, tooLarge: "A purge has at most 1 MiB. Send several purges.",
	example: `{"sources": ["https://example.com/a.jpg"]}`}

// errPurge: a purge asks for what cannot be.
var errPurge = errors.New("bad purge")

// servePurge answers POST /purge.
func (s *Server) servePurge(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	var ask PurgeRequest
	if err := purgeBody.decode(w, r, &ask); err != nil {
		return err
	}
	answer, err := s.Purge(r.Context(), ask)
	switch {
	case errors.Is(err, errPurge), errors.Is(err, purge.ErrBadTarget):
		return badBody(asSentence(strings.TrimPrefix(err.Error(), errPurge.Error()+": ")))
	case errors.Is(err, purge.ErrNoLog):
		return &adminError{purgeUnavailable("No purge log is in use and the disk cache of earlier runs " +
			"cannot be invalidated, so nothing was purged: it could come back. " +
			"Set --state-dir to a directory that pictor can write to."), err}
	case errors.Is(err, purge.ErrStalled):
		return &adminError{purgeUnavailable("The purge log did not respond in time, so the purge is not confirmed. " +
			"It may still take effect. Send it again: that does no harm."), err}
	case errors.Is(err, purge.ErrBus):
		return &adminError{purgeUnavailable("The purge bus did not respond, so the purge is not confirmed. " +
			"It may still take effect. Send it again: that does no harm."), err}
	case err != nil:
		f := internalFailure
		f.text = "The purge could not be written to the purge log, so nothing was purged. See the server's log."
		return &adminError{f, fmt.Errorf("purge failed, nothing was purged: %w", err)}
	}
	s.log.Info("purged", "sequence", answer.Sequence, "mode", answer.Mode, "targets", len(answer.CDNTags))
	w.Header().Set("Content-Type", "application/json")
	if !answer.complete() {
		w.WriteHeader(http.StatusAccepted)
	}
	_ = json.NewEncoder(w).Encode(answer) // fails where the client has left
	return nil
}

// purgeUnavailable is the failure of a purge that cannot be confirmed now.
func purgeUnavailable(text string) failure {
	return failure{status: http.StatusServiceUnavailable, code: "purge-unavailable", text: text}
}

// Purge purges. Once it has returned, no entry that the targets name is served any more,
// whether it is in a tier or a fill is making it: on this server, and on all of its cluster
// where the answer says so.
func (s *Server) Purge(ctx context.Context, ask PurgeRequest) (PurgeAnswer, error) {
	mode, err := ask.purgeMode()
	if err != nil {
		return PurgeAnswer{}, err
	}
	targets, err := s.targetsOf(ask)
	if err != nil {
		return PurgeAnswer{}, err
	}
	answer := PurgeAnswer{Mode: mode.String()}
	var receipt purge.Receipt
	if s.cfg.Cluster == nil {
		answer.Log = s.cfg.Clock.ID()
		receipt, err = s.cfg.Cache.Purge(mode, targets)
	} else {
		receipt, err = s.purgeCluster(ctx, ask, mode, targets, &answer)
	}
	if err != nil {
		return PurgeAnswer{}, err
	}
	answer.Sequence = receipt.Sequence
	answer.Applied = receipt.Applied.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	for _, t := range targets {
		answer.CDNTags = append(answer.CDNTags, tagOf(t))
	}
	slices.Sort(answer.CDNTags)
	answer.CDNTags = slices.Compact(answer.CDNTags)
	return answer, nil
}

// purgeCluster purges on all servers.
func (s *Server) purgeCluster(ctx context.Context, ask PurgeRequest, mode purge.Mode, targets []purge.Target,
	answer *PurgeAnswer) (purge.Receipt, error) {
	c, err := s.cfg.Cluster.Purge(ctx, mode, targets, ask.Wait != waitLocal)
	answer.Log = c.Bus
	answer.clusterAnswer = clusterAnswer{Servers: c.Servers, Pending: c.Pending, Unknown: c.Unknown}
	return c.Receipt, err
}

func (ask PurgeRequest) purgeMode() (purge.Mode, error) {
	switch {
	case ask.Wait != "" && ask.Wait != waitAll && ask.Wait != waitLocal:
		return 0, fmt.Errorf("%w: wait must be all or local", errPurge)
	case ask.Mode == "hard", ask.Mode == "" && !ask.All:
		return purge.Hard, nil
	case ask.Mode == "soft", ask.Mode == "":
		return purge.Soft, nil
	}
	return 0, fmt.Errorf("%w: mode must be hard or soft", errPurge)
}
