//go:build cgo

package main

import (
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/vips"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// Run is a worker's life.
func (workerCmd) Run() error {
	return worker.Serve(worker.BuildID(version), func() worker.Engine { return vips.New() })
}

// canTransform: libvips is a part of this program.
func canTransform() error { return nil }

// capabilities tries out the libvips of this very process.
func capabilities() (transform.Capabilities, error) { return vips.New().Probe(), nil }
