package config

import (
	"fmt"
	"time"
)

// Handover are the settings of a server that takes over from another one.
type Handover struct {
	// DirectoryWait is 0 to mostDirectoryWait.
	DirectoryWait time.Duration `help:"How long to wait at the start for another server that has --cache-dir or --state-dir; one that is told to end lets go of them at once. 0: not at all." default:"10s" group:"Disk" reload:"no"`
}

// mostDirectoryWait is less than orchestrators wait for a server that starts.
const mostDirectoryWait = time.Minute

func (h *Handover) findProblems() (problems []error) {
	if h.DirectoryWait < 0 || h.DirectoryWait > mostDirectoryWait {
		problems = append(problems, fmt.Errorf("--directory-wait is %s: set it to 0s to %s", h.DirectoryWait,
			mostDirectoryWait))
	}
	return problems
}
