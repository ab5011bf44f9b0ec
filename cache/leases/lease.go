package leases

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Lease is the right to do the work of a name, which other servers wait for. The caller ends it.
type Lease struct {
	leases      *Leases
	name, token string
	ending      chan HandOver
}

// HandOver is what a lease ends with.
type HandOver struct {
	// Head, at most MaxHead bytes, and Body are what other servers get. Without a head they do the work themselves.
	Head, Body []byte
	// Sent is called when the bytes are not needed any more; nil for nothing.
	Sent func()
}

// keep holds a lease that was just set.
func (l *Leases) keep(name, token string) *Lease {
	k := &Lease{leases: l, name: name, token: token, ending: make(chan HandOver, 1)}
	l.figures.held.Add(1)
	l.start(k.renewUntilEnd)
	return k
}

// End ends a lease, once. It does not wait for Redis.
func (k *Lease) End(h HandOver) { k.ending <- h }

var renewScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0`)

// renewUntilEnd renews a lease until it is ended. One that was lost is gone on with: another server does the
// work, too.
func (k *Lease) renewUntilEnd() {
	renew := time.NewTicker(leaseTime / 3)
	defer renew.Stop()
	for {
		select {
		case h := <-k.ending:
			k.finish(h)
			return
		case <-renew.C:
			_ = k.leases.call(k.leases.ctx, func(ctx context.Context) error {
				keys := k.leases.keysOf(k.name)[:1]
				return renewScript.Run(ctx, k.leases.client, keys, k.token, leaseTime.Milliseconds()).Err()
			}) // it expires then
		case <-k.leases.ctx.Done():
			return
		}
	}
}

// endScript stores what is handed over, deletes the lease if it is still the holder's, and tells all servers.
var endScript = redis.NewScript(`
local handed = '0'
if ARGV[2] ~= '' then
  handed = '1'
  redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return redis.call('PUBLISH', ARGV[5], handed .. ARGV[6])`)

func (k *Lease) finish(h HandOver) {
	l := k.leases
	if h.Sent != nil {
		defer h.Sent()
	}
	if len(h.Head) > MaxHead {
		h.Head, h.Body = nil, nil
	}
	err := l.call(l.ctx, func(ctx context.Context) error {
		return endScript.Run(ctx, l.client, l.keysOf(k.name), k.token, h.Head, h.Body, HandOverTime.Milliseconds(),
			l.channel(), digestOf(k.name)).Err()
	}) // or it expires
	if err == nil && h.Head != nil {
		l.figures.handedOver.Add(1)
	}
}
