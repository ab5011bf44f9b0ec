package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// newSandbox is the sandbox of workers, as far as it was asked for.
func newSandbox(cfg *config.Serve) (*worker.Sandbox, error) {
	sandbox, err := worker.NewSandbox(worker.Mode(strings.ToLower(cfg.Sandbox)))
	if errors.Is(err, worker.ErrSandbox) {
		return nil, config.Invalid(
			fmt.Errorf("--sandbox=require: %w; or set --sandbox=auto to use the layers that there are", err))
	}
	return sandbox, err
}

// sandboxLine is what `pictor version` says of the layers that there are here.
func sandboxLine(layers []transform.Layer) string {
	var on, off []string
	for _, l := range layers {
		switch {
		case !l.On:
			off = append(off, fmt.Sprintf("%s (%s)", l.Name, l.Detail))
		case l.Detail != "":
			on = append(on, fmt.Sprintf("%s (%s)", l.Name, l.Detail))
		default:
			on = append(on, l.Name)
		}
	}
	line := "sandbox " + strings.Join(on, ", ")
	if len(off) > 0 {
		line += "\nsandbox without " + strings.Join(off, ", ")
	}
	return line
}

// confinesDrawing says whether a decoder that was taken over by an SVG could read no file and reach no network.
func confinesDrawing(sandbox *worker.Sandbox) bool {
	for _, l := range sandbox.Layers() {
		if !l.On {
			return false
		}
	}
	return true
}
