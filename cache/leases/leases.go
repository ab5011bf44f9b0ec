package leases

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pictor-proxy/pictor/cache/redisclient"
)

// The times of a Leases.
const (
	// Patience bounds each call of Redis. After a call that failed none is made for a pause.
	Patience = 250 * time.Millisecond
	// leaseTime is how long a lease outlasts its holder.
	leaseTime = 3 * time.Second
	// HandOverTime is for how long what was handed over is there.
	HandOverTime = 10 * time.Second
	// askEvery is how often a server that waits asks without a message.
	askEvery = 500 * time.Millisecond
	// leastPause and mostPause bound the pause after failures, which doubles with each.
	leastPause, mostPause = time.Second, 30 * time.Second
)

// MaxHead is the most bytes of a head.
const MaxHead = 16 << 10

// Config configures a Leases.
type Config struct {
	// Address is a URL of Redis, as package redisclient has them.
	Address string
	// Cluster is the same on all servers that share leases.
	Cluster string
	// Log is for outages; nil discards them.
	Log *slog.Logger
}

// Leases are the leases of one cluster. It is safe for concurrent use.
type Leases struct {
	client  *redis.Client
	cluster string
	breaker breaker
	figures figures
	waiting waiting
	// self tells this server's own news from those of others.
	self string
	hear atomic.Pointer[func(news []byte)]

	// ctx ends with Close.
	ctx    context.Context
	cancel context.CancelFunc
	// mu keeps work from being started while Close waits for what runs.
	mu      sync.Mutex
	running sync.WaitGroup
}

// start runs work on a goroutine of its own, unless the Leases is closed.
func (l *Leases) start(work func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() == nil {
		l.running.Go(work)
	}
}

// Open does not wait for Redis.
func Open(cfg Config) (*Leases, error) {
	client, err := redisclient.New(cfg.Address)
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Leases{client: client, cluster: "pictor:" + cfg.Cluster, self: rand.Text()}
	l.breaker.log = cfg.Log
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.start(l.listen)
	return l, nil
}

// Close gives up leases that are still held, which expire, and what is to be handed over.
func (l *Leases) Close() error {
	l.mu.Lock()
	l.cancel()
	l.mu.Unlock()
	l.running.Wait()
	return l.client.Close()
}

// keysOf are the keys of a name: lease, head and body. They have one hash tag, so that a Redis cluster keeps them
// together.
func (l *Leases) keysOf(name string) []string {
	key := l.cluster + ":{" + digestOf(name) + "}:"
	return []string{key + "lease", key + "head", key + "body"}
}

// digestOf stands for a name.
func digestOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// Answer is what came of asking for a lease. The zero Answer is that of a Redis that does not respond.
type Answer struct {
	// Lease is the server's own from now on, if it is not nil.
	Lease *Lease
	// Busy: another server has it.
	Busy bool
	// Head is that of what another server has handed over.
	Head []byte
}

// MustWait says that another server has the work in hand, or has done it.
func (a Answer) MustWait() bool { return a.Busy || a.Head != nil }

// claimScript gives what was handed over, unless it is told not to look, or else sets the lease.
var claimScript = redis.NewScript(`
if ARGV[3] == '1' then
  local head = redis.call('GETRANGE', KEYS[2], 0, ARGV[4])
  if head ~= '' then
    return {'head', head}
  end
end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return {'lease', ''}
end
return {'busy', ''}`)

// Ask asks for the lease of a name, once. It takes no longer than Patience.
func (l *Leases) Ask(ctx context.Context, name string) Answer { return l.ask(ctx, name, true) }

func (l *Leases) ask(ctx context.Context, name string, look bool) (a Answer) {
	token := rand.Text()
	looks := "0"
	if look {
		looks = "1"
	}
	var got []string
	err := l.call(ctx, func(ctx context.Context) (err error) {
		got, err = claimScript.Run(ctx, l.client, l.keysOf(name), token, leaseTime.Milliseconds(), looks,
			MaxHead).StringSlice()
		if err == nil && (len(got) != 2 || len(got[1]) > MaxHead) {
			err = errReply
		}
		return err
	})
	switch {
	case err != nil:
	case got[0] == "lease":
		a.Lease = l.keep(name, token)
	case got[0] == "busy":
		a.Busy = true
	case got[0] == "head":
		a.Head = []byte(got[1])
	}
	return a
}

// Body reads what was handed over with a head, which says how long it is. The caller has memory for it, and compares it
// with the head: it may be another one by now.
func (l *Leases) Body(ctx context.Context, name string, size int64) ([]byte, error) {
	var body []byte
	err := l.call(ctx, func(ctx context.Context) (err error) {
		body, err = l.client.GetRange(ctx, l.keysOf(name)[2], 0, size).Bytes()
		return err
	})
	if err == nil && int64(len(body)) != size {
		err = errGone
	}
	return body, err
}

var (
	errReply = errors.New("redis gave an answer that leases do not know")
	errGone  = errors.New("what was handed over is not there any more")
)
