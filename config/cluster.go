package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Cluster are the settings of a server that is one of several.
type Cluster struct {
	PurgeBus     Secret `help:"Engine that carries purges between servers: redis://HOST:6379/0 (also rediss:// and unix://) or nats://HOST:4222 (also tls://)." placeholder:"URL" group:"Cluster" reload:"no"`
	PurgeBusFile string `help:"File with the URL, instead of --purge-bus." placeholder:"FILE" group:"Cluster" reload:"no"`
	PurgeBusName string `help:"Name that the servers of one cluster share, where an engine carries the purges of several." default:"pictor" placeholder:"NAME" group:"Cluster" reload:"no"`
	// PurgeMaxLag is at least a second.
	PurgeMaxLag time.Duration `help:"How long a server may hear nothing of the purge bus until --purge-in-doubt holds. A purge waits as long for a server that is gone." default:"5s" group:"Cluster" reload:"no"`
	// PurgeInDoubt is one of purge's names for it.
	PurgeInDoubt string `help:"What to serve while the purge bus is silent: stale (what is cached, and make it anew), revalidate (nothing before its origin was asked) or serve (as if all were well)." default:"stale" placeholder:"stale" group:"Cluster" reload:"no"`
	// ServerName is empty where it was not set: the name of the machine and a random part.
	ServerName string `help:"Name of this server among the others, for people. Default: the name of the machine and a random part." placeholder:"NAME" group:"Cluster" reload:"no"`
}

// leastMaxLag keeps a slow round trip from being an outage.
const leastMaxLag = time.Second

var clusterName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (c *Cluster) findProblems() (problems []error) {
	if c.PurgeMaxLag < leastMaxLag || c.PurgeMaxLag > time.Minute {
		problems = append(problems, fmt.Errorf("--purge-max-lag is %s: set it to %s to 1m", c.PurgeMaxLag, leastMaxLag))
	}
	if policies := []string{"stale", "revalidate", "serve"}; !slices.Contains(policies, c.PurgeInDoubt) {
		problems = append(problems, fmt.Errorf("--purge-in-doubt is %q: set it to %s", c.PurgeInDoubt,
			strings.Join(policies, ", ")))
	}
	if !clusterName.MatchString(c.PurgeBusName) {
		problems = append(problems, fmt.Errorf("--purge-bus-name is %q: use letters, digits, - and _, at most 64",
			c.PurgeBusName))
	}
	blank := func(r rune) bool { return r <= ' ' || r == 0x7f }
	if len(c.ServerName) > 200 || strings.ContainsFunc(c.ServerName, blank) {
		problems = append(problems, fmt.Errorf("--server-name is %q: at most 200 bytes without blanks", c.ServerName))
	}
	return problems
}
