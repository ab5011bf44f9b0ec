//go:build !cgo

package main

import (
	"errors"

	"github.com/pictor-proxy/pictor/transform"
)

// errNoLibvips is what a build without cgo says to all that needs pixels. It
// is good for the command line: signing, keys.
var errNoLibvips = errors.New("this pictor was built without libvips (CGO_ENABLED=0) and cannot process images: " +
	"build it with `make build`, which needs a C compiler and libvips 8.14 or newer, or use the container image")

func canTransform() error { return errNoLibvips }

func (workerCmd) Run() error { return errNoLibvips }

func capabilities() (transform.Capabilities, error) { return transform.Capabilities{}, errNoLibvips }
