package leases

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// waiting has the servers' callers that wait for a lease to end, by the digest of its name.
type waiting struct {
	mu   sync.Mutex
	wake map[string][]chan ended
}

// ended is what a message says of the end of a lease.
type ended struct {
	// known: there was a message, and not only a reason to ask again. handedOver: there is something to take.
	known, handedOver bool
}

func (w *waiting) add(digest string) chan ended {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wake == nil {
		w.wake = map[string][]chan ended{}
	}
	c := make(chan ended, 1)
	w.wake[digest] = append(w.wake[digest], c)
	return c
}

func (w *waiting) remove(digest string, c chan ended) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []chan ended
	for _, other := range w.wake[digest] {
		if other != c {
			left = append(left, other)
		}
	}
	if left == nil {
		delete(w.wake, digest)
		return
	}
	w.wake[digest] = left
}

// tell wakes who waits for a name, or for any where the digest is "".
func (w *waiting) tell(digest string, e ended) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for d, list := range w.wake {
		if digest != "" && d != digest {
			continue
		}
		for _, c := range list {
			select {
			case c <- e:
			default: // it asks anyhow
			}
		}
	}
}

// Wait waits until another server's work has ended. take is called with the head of what was handed over, and says
// whether that will do. Where it will not, where nothing was handed over, where Redis does not respond, or where the
// time is over, Wait is false, and the caller does the work: with the lease, if it got it.
func (l *Leases) Wait(
	ctx context.Context, name string, most time.Duration, take func(ctx context.Context, head []byte) bool,
) (lease *Lease, taken bool) {
	l.figures.waits.Add(1)
	digest := digestOf(name)
	wake := l.waiting.add(digest)
	defer l.waiting.remove(digest, wake)
	over, again := time.NewTimer(most), time.NewTicker(askEvery)
	defer over.Stop()
	defer again.Stop()
	var refused []byte
	for {
		a := l.ask(ctx, name, true)
		if a.Head != nil {
			if !bytes.Equal(a.Head, refused) && take(ctx, a.Head) {
				l.figures.taken.Add(1)
				return nil, true
			}
			refused = a.Head
			a = l.ask(ctx, name, false)
		}
		if !a.Busy {
			return a.Lease, false
		}
		select {
		case e := <-wake:
			if e.known && !e.handedOver {
				return nil, false // one after the other would take longer than all at once
			}
		case <-again.C:
		case <-over.C:
			l.figures.late.Add(1)
			return nil, false
		case <-ctx.Done():
			return nil, false
		}
	}
}

// channel is that of the messages.
func (l *Leases) channel() string { return l.cluster + ":fills" }

// listen reads messages until Close. The client connects again by itself; what was missed meanwhile is found by
// asking.
func (l *Leases) listen() {
	messages := l.client.Subscribe(l.ctx, l.channel(), l.newsChannel())
	defer messages.Close()
	incoming := messages.Channel(redis.WithChannelPingTimeout(time.Second),
		redis.WithChannelReconnectTimeout(time.Second))
	for {
		select {
		case <-l.ctx.Done():
			return
		case m, ok := <-incoming:
			if !ok {
				return
			}
			if m.Channel == l.newsChannel() {
				l.heard(m.Payload)
			} else if len(m.Payload) > 1 {
				l.waiting.tell(m.Payload[1:], ended{known: true, handedOver: m.Payload[0] == '1'})
			}
		}
	}
}
