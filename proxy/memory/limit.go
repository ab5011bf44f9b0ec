package memory

import (
	"errors"
	"fmt"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// fromCgroup is how the origin of a cgroup's limit begins.
const fromCgroup = "cgroup"

// FindLimit finds the memory limit in bytes and says where it is from: the
// flag where it is not 0, else the limit of the cgroup (Linux), else three
// quarters of the machine's memory. A flag above the cgroup's limit cannot
// change that, and does not count. It fails only where the flag is negative
// or nothing can be found out.
func FindLimit(flag int64) (limit int64, from string, err error) {
	return findLimit(flag, memlimit.FromCgroup, memlimit.FromSystem)
}

func findLimit(flag int64, cgroup, machine memlimit.Provider) (limit int64, from string, err error) {
	group, groupErr := cgroup()
	total, totalErr := machine()
	total = min(total, math.MaxInt64)
	// A cgroup may allow more than the machine has: that is no limit.
	capped := groupErr == nil && group <= math.MaxInt64 && (totalErr != nil || group <= total)
	switch {
	case flag < 0:
		return 0, "", errors.New("--memory-limit is negative: set it like 512MiB, or leave it out")
	case flag > 0 && capped && uint64(flag) > group:
		return int64(group), fmt.Sprintf("%s, less than --memory-limit %s", fromCgroup, formatBytes(flag)), nil
	case flag > 0:
		return flag, "--memory-limit", nil
	case capped:
		return int64(group), fromCgroup, nil
	case totalErr == nil:
		return int64(total / 4 * 3), "75% of the machine", nil
	}
	return 0, "", fmt.Errorf("cannot find out how much memory there is: set --memory-limit: %w", totalErr)
}
