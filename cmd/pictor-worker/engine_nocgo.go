//go:build !cgo

package main

import (
	"fmt"
	"os"

	"github.com/pictor-proxy/pictor/transform/worker"
)

// init ends the program: without libvips there is nothing that it could do.
func init() {
	fmt.Fprintln(os.Stderr, "pictor-worker: built without libvips (CGO_ENABLED=0), it cannot process images: "+
		"build it with `make build`, which needs a C compiler and libvips 8.14 or newer, or use the container image")
	os.Exit(1)
}

func newEngine() worker.Engine { return nil }
