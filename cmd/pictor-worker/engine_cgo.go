//go:build cgo

package main

import (
	"github.com/pictor-proxy/pictor/transform/vips"
	"github.com/pictor-proxy/pictor/transform/worker"
)

func newEngine() worker.Engine { return vips.New() }
