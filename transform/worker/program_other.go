//go:build unix && !linux

package worker

import (
	"os"
	"os/exec"
)

// holdProgram holds nothing here: a worker of another build is refused when it says that it is ready.
func holdProgram(string) (*os.File, error) { return nil, nil }

func programPaths(program *os.File) (inWorker, inServer string) {
	return program.Name(), program.Name()
}

func endWithServer(*exec.Cmd) {}
