//go:build !cgo

package main

import (
	"errors"

	"github.com/pictor-proxy/pictor/transform"
)

// errNoLibvips is what a build without cgo says to all that needs pixels. It
// is good for the command line: signing, keys.
var errNoLibvips = errors.New("this pictor was built without libvips (CGO_ENABLED=0): build it with cgo to serve pictures")

func (workerCmd) Run() error { return errNoLibvips }

func capabilities() (transform.Capabilities, error) { return transform.Capabilities{}, errNoLibvips }
