package config

import (
	"errors"
	"fmt"
	"time"
)

// FillLeases are the settings of results that one server of a cluster makes for all.
type FillLeases struct {
	FillLeases     Secret `help:"Redis that has one server of the cluster make a result that several are asked for at the same time: redis://HOST:6379/0 (also rediss:// and unix://). Needs --purge-bus." placeholder:"URL" group:"Cluster" reload:"no"`
	FillLeasesFile string `help:"File with the URL, instead of --fill-leases." placeholder:"FILE" group:"Cluster" reload:"no"`
	// FillLeasesFrom is 0 for all fills.
	FillLeasesFrom time.Duration `help:"Expected CPU time of a transform from which on it is made on one server alone. 0: all, and their sources are fetched by one server, too." default:"100ms" group:"Cluster" reload:"no"`
	FillLeasesWait time.Duration `help:"How long a server waits at most for another one to make a result, 100ms to 30s. Then it makes the result itself." default:"5s" group:"Cluster" reload:"no"`
	// FillLeasesHandover is 0 for none.
	FillLeasesHandover Bytes `help:"Largest result that goes from one server to the others through that Redis, where it is kept for 10 s, up to 16MiB." default:"1MiB" group:"Cluster" reload:"no"`
}

// What the settings may be.
const (
	leastLeaseWait = 100 * time.Millisecond
	mostLeaseWait  = 30 * time.Second
	mostHandover   = 16 << 20
)

func (l *FillLeases) findProblems(bus Secret) (problems []error) {
	if l.FillLeases != "" && bus == "" {
		problems = append(problems, errors.New("--fill-leases needs --purge-bus, as a server must know of the purges "+
			"of the one whose results it serves"))
	}
	if l.FillLeasesFrom < 0 || l.FillLeasesFrom > time.Minute {
		problems = append(problems, fmt.Errorf("--fill-leases-from is %s: set it to 0 to 1m", l.FillLeasesFrom))
	}
	if l.FillLeasesWait < leastLeaseWait || l.FillLeasesWait > mostLeaseWait {
		problems = append(problems, fmt.Errorf("--fill-leases-wait is %s: set it to %s to %s", l.FillLeasesWait,
			leastLeaseWait, mostLeaseWait))
	}
	if l.FillLeasesHandover < 1 || l.FillLeasesHandover > mostHandover {
		problems = append(problems, fmt.Errorf("--fill-leases-handover is %d bytes: set it to 1 to %d, like 1MiB",
			int64(l.FillLeasesHandover), mostHandover))
	}
	return problems
}
