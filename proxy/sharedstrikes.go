package proxy

import (
	"encoding/hex"
	"encoding/json"

	"github.com/pictor-proxy/pictor/cache/leases"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// strikeNews tells other servers of a cluster that a source or a result has ended workers, so that it is refused there
// before it ends more. They count from a stamp on: a purge after it says that there is another source now.
type strikeNews struct {
	Key     string      `json:"key"`
	Strikes int         `json:"strikes"`
	Stamp   purge.Stamp `json:"stamp"`
}

// shareWith has the quarantine tell other servers of strikes, and hear of theirs.
func (q *quarantine) shareWith(l *leases.Leases) {
	q.tell = func(c quarantineKey, seq uint64, strikes int) {
		stamp, ok := q.clock.Stamp(seq)
		if !ok {
			return
		}
		news, err := json.Marshal(strikeNews{Key: hex.EncodeToString(c[:]), Strikes: strikes, Stamp: stamp})
		if err == nil {
			l.Tell(news)
		}
	}
	l.Hear(q.hearStrike)
}

// hearStrike counts strikes of another server.
func (q *quarantine) hearStrike(news []byte) {
	var n strikeNews
	if json.Unmarshal(news, &n) != nil || n.Strikes < 1 || n.Strikes > 2 {
		return
	}
	key, err := hex.DecodeString(n.Key)
	if err != nil || len(key) != len(quarantineKey{}) {
		return
	}
	seq, err := q.clock.SequenceOf(n.Stamp)
	if err != nil {
		return // the source may be another one by now
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.addStrikes(quarantineKey(key), seq, 0, n.Strikes)
}
