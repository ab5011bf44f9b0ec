// Package bus has the buses that carry purges between servers: a stream of Redis or Valkey, and a stream of
// NATS JetStream. Package purge says what a bus is.
package bus

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// keptMessages is how many purges a bus keeps for servers that were away. A server that missed more than
// these purges everything.
const keptMessages = 100_000

// batch is how many messages a Read gives at most.
const batch = 256

const (
	// maxMessage is how many bytes a message may have. The largest purge that the admin port takes has 6 MiB as a
	// message. One that has more is from someone else who writes to the bus, and is given without its data, so that
	// it cannot be read and everything is purged.
	maxMessage = 8 << 20
	// maxBatch is how many bytes a Read gives at most, beside a first message that has more.
	maxBatch = 8 << 20
)

// errTooLarge is of a purge that no message can have.
var errTooLarge = fmt.Errorf("a purge of more than %d MiB does not fit into a message of the purge bus", maxMessage>>20)

var errName = errors.New("a bus name must be letters, digits, - and _")

var busName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Open opens the bus of a URL: redis://, rediss://, unix:// (Redis on a socket), nats:// or tls:// (NATS). Name
// tells apart the buses of several clusters on one engine. Open does not wait for the engine. No error has the
// URL's password.
func Open(address, name string) (purge.Bus, error) {
	if !busName.MatchString(name) {
		return nil, errName
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the purge bus is not a URL: write it like redis://host:6379/0 or nats://host:4222")
	}
	switch u.Scheme {
	case "redis", "rediss", "unix":
		return openRedis(address, name)
	case "nats", "tls":
		return openNATS(address, name)
	}
	return nil, fmt.Errorf("the purge bus has the scheme %q: it must be redis, rediss, unix, nats or tls", u.Scheme)
}
