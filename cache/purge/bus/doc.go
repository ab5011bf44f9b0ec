// Package bus has the buses that carry purges between servers: a stream of Redis or Valkey, and a stream of
// NATS JetStream. Package purge says what a bus is.
package bus

import (
	"encoding/json"
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
	// maxMessage is how many bytes a message may have: twice what purge.MaxMessage allows. One that has more is from
	// someone else who writes to the bus. It cannot be read, so everything is purged.
	maxMessage = 2 * purge.MaxMessage
	// maxBatch is how many bytes a Read gives at most. A reply of Redis with as many is no larger than it may be.
	maxBatch = batch * maxMessage
	// maxMember is how many bytes an announcement of a server may have.
	maxMember = 4 << 10
)

// checkSizes refuses what no message can have.
func checkSizes(messages [][]byte) error {
	for _, data := range messages {
		if len(data) > maxMessage {
			return fmt.Errorf("a message of the purge bus has at most %d KiB", maxMessage>>10)
		}
	}
	return nil
}

// encodeMember is an announcement.
func encodeMember(m purge.Member) ([]byte, error) {
	data, err := json.Marshal(m)
	if err == nil && len(data) > maxMember {
		err = fmt.Errorf("the name of a server is too long: an announcement has at most %d bytes", maxMember)
	}
	return data, err
}

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
