// Package redisclient has the one way in which pictor talks to Redis and Valkey: no call is tried again, each ends with
// its context, no reply takes more than MaxReply, and nothing is written to standard error.
package redisclient

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrURL is of an address that is not a URL of Redis. The error has nothing of the address, which may have a password.
var ErrURL = errors.New("not a URL of Redis: write it like redis://user:password@host:6379/0")

// New makes a client for redis://, rediss:// (TLS) and unix:// URLs. It does not wait for Redis. No call is tried
// again by the client: the caller has to know of each failure.
func New(address string) (*redis.Client, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, ErrURL
	}
	quiet.Do(func() { redis.SetLogger(noLog{}) })
	options.MaxRetries = -1
	options.ContextTimeoutEnabled = true
	options.DialTimeout = time.Second
	options.DisableIdentity = true
	guardReplies(options)
	return redis.NewClient(options), nil
}

// noLog takes what the client of Redis would write to standard error, a line for each failed connection: callers
// have the errors.
type noLog struct{}

func (noLog) Printf(context.Context, string, ...any) {}

var quiet sync.Once
