package proxy

import (
	"fmt"
	"time"
)

// What a purge may wait for.
const (
	waitAll   = "all"
	waitLocal = "local"
)

// clusterAnswer is what an answer to a purge says of a cluster. Without one it is empty.
type clusterAnswer struct {
	// Servers have applied the purge, and Pending have not yet: they do as soon as they hear of it, and vouch
	// for nothing until then.
	Servers []string `json:"servers,omitempty"`
	Pending []string `json:"pending,omitempty"`
	// Unknown says that not all servers are known, as after a restart of the purge bus.
	Unknown bool `json:"unknown_servers,omitempty"`
}

// complete says whether no server serves what was purged.
func (a clusterAnswer) complete() bool { return len(a.Pending) == 0 && !a.Unknown }

// clusterTrouble says what is wrong with the purge bus, "" for nothing. Where this server has never heard of it, and
// is young, the server must not serve yet: it may have missed purges.
func (s *Server) clusterTrouble() (text string, unready bool) {
	if s.cfg.Cluster == nil {
		return "", false
	}
	switch st := s.cfg.Cluster.Stats(); {
	case !st.InDoubt:
		return "", false
	case !st.Heard:
		return "the purge bus has not been read yet", st.Silence < joinTime
	default:
		return fmt.Sprintf("purges of other servers have not been heard of for %v",
			st.Silence.Round(time.Second)), false
	}
}

// joinTime is how long a server that starts waits for its purge bus before it does without.
const joinTime = 15 * time.Second
