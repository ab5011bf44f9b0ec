package origin

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// Config configures a Fetcher. Zero fields mean the defaults.
type Config struct {
	// MaxBytes bounds a body as it is read, and the output of each of its content
	// codings; default 64 MiB.
	MaxBytes int64
	// Timeout bounds the time of the origin, redirects and body included; default
	// 10 s. Waiting for a connection or for a reservation does not count; making a
	// connection takes 8 s at most. For a local file only the context is a bound,
	// which ends the wait also where a file system hangs.
	Timeout time.Duration
	// FirstByte bounds the time from a request until its response begins, for each
	// redirect alone; default half of Timeout.
	FirstByte time.Duration
	// MinRate is the least bytes a second in which a body must come, on
	// average since its beginning and by the same clock, from its third second
	// on; default 8 KiB, negative means none.
	MinRate int64
	// AllowNetworks are exempt from the address guard.
	AllowNetworks []netip.Prefix
	// Local is where local:///path is looked up; nil means that no local
	// source is served. Its Stat must open nothing. RegularFiles lets no link
	// lead out of its root, and opens regular files alone.
	Local fs.StatFS
	// Images are sources that the operator brings along, by their names: fallback://NAME. A name that
	// stands for its bytes gives each image a place of its own in caches.
	Images map[string][]byte
	// Accounts are for objects in buckets; without them there are none.
	Accounts []Account
	// Rewrites leads from the sources that URLs name to those that are fetched.
	Rewrites Rewrites
	// Allow are the sources that may be fetched, as ParseSourceRule reads them; nil for all.
	Allow []SourceRule
	// Origins are the settings of single origins.
	Origins []Settings
	// MaxRedirects is how many are followed; default 5, negative means none.
	MaxRedirects int
	// ID is the pseudonym of this instance in the Via and CDN-Loop of its
	// requests, a token; default a new one by chance.
	ID string
	// UserAgent is the User-Agent of requests; default "pictor".
	UserAgent string
	// Now is the clock that freshness and suspensions are counted by; default time.Now.
	Now func() time.Time
}

// withDefaults checks a Config and gives zero fields their defaults.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.MaxBytes < 0 || cfg.Timeout < 0 || cfg.FirstByte < 0 {
		return Config{}, errors.New("origin: neither MaxBytes nor Timeout nor FirstByte may be negative")
	}
	if strings.ContainsFunc(cfg.UserAgent, func(r rune) bool { return r < 0x20 || r >= 0x7f }) {
		return Config{}, fmt.Errorf("origin: the user agent %q is not plain ASCII", cfg.UserAgent)
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 64 << 20
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.FirstByte == 0 {
		cfg.FirstByte = cfg.Timeout / 2
	}
	if cfg.MinRate == 0 {
		cfg.MinRate = 8 << 10
	}
	if cfg.MaxRedirects == 0 {
		cfg.MaxRedirects = 5
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "pictor"
	}
	if cfg.ID == "" {
		cfg.ID = newID()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg, nil
}

// newID is a pseudonym that no other instance has: behind one server there may be
// others, in front of it as well, and a request that passes several is no loop.
func newID() string { return fmt.Sprintf("pictor-%016x", rand.Uint64()) }

// tooLarge is the error of a body of over MaxBytes.
func (cfg Config) tooLarge() error {
	return fmt.Errorf("%w: the source is larger than the %.1f MiB that --max-source-size allows", ErrTooLarge,
		float64(cfg.MaxBytes)/(1<<20))
}
