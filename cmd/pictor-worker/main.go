// Command pictor-worker decodes and encodes images for `pictor serve`, which starts it. It is the only program that
// links libvips: one process does one job at a time, in a sandbox.
package main

import (
	"fmt"
	"os"

	"github.com/pictor-proxy/pictor/transform/worker"
)

// version is set by the linker, to that of pictor.
var version = "unknown"

func main() {
	if err := worker.Main(os.Args[1:], worker.BuildID(version), newEngine, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pictor-worker:", err)
		os.Exit(1)
	}
}
