package leases

import (
	"context"
	"strings"
)

// mostNews bounds what is told, in bytes.
const mostNews = 4 << 10

// newsChannel is that of the news.
func (l *Leases) newsChannel() string { return l.cluster + ":news" }

// Tell tells the other servers something, of at most 4 KiB, without waiting for Redis. What they do not hear is not
// told again.
func (l *Leases) Tell(news []byte) {
	if len(news) > mostNews {
		return
	}
	l.start(func() {
		_ = l.call(l.ctx, func(ctx context.Context) error {
			return l.client.Publish(ctx, l.newsChannel(), l.self+" "+string(news)).Err()
		})
	})
}

// Hear has a function called with what other servers tell. It does not wait.
func (l *Leases) Hear(hear func(news []byte)) { l.hear.Store(&hear) }

// heard passes news of other servers on.
func (l *Leases) heard(payload string) {
	from, news, ok := strings.Cut(payload, " ")
	hear := l.hear.Load()
	if ok && from != l.self && hear != nil && len(news) <= mostNews {
		(*hear)([]byte(news))
	}
}
