package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// Mode says how much a server insists on the sandbox of its workers.
type Mode string

// Auto, which is the default, uses what the system offers. Require refuses to
// start where a layer is missing. Off uses none.
const (
	Auto    Mode = "auto"
	Require Mode = "require"
	Off     Mode = "off"
)

// The layers, by the names that operators see.
const (
	layerLandlock   = "landlock"
	layerSeccomp    = "seccomp"
	layerNoNewPrivs = "no_new_privs"
	layerRlimits    = "rlimits"
)

var layerNames = []string{layerLandlock, layerSeccomp, layerNoNewPrivs, layerRlimits}

// Sandbox is what workers are confined by. An image that takes over a decoder
// has the worker's process, and the sandbox bounds what that is good for: no
// file but the libraries, no network, no other process, no further program.
//
//   - landlock: the server takes file access, TCP, and signals and abstract
//     sockets of others away before the worker's program is even loaded.
//   - seccomp: the worker allows itself a list of system calls, on all threads,
//     before it reads its first request.
//   - no_new_privs: no program can give the worker more rights, and it has no
//     capabilities, also where the server has.
//   - rlimits: few descriptors, no files written, no locked memory, no core.
//
// Each layer holds without the others, as far as it goes. What neither stops:
// a worker sees names, sizes and times of files (stat), may use its CPU time
// and memory, and can return wrong pixels for its job and later ones. Bugs of
// the kernel, and side channels of the processor, are out of its reach.
//
// A Sandbox is immutable and may be shared.
type Sandbox struct {
	mode   Mode
	layers map[string]transform.Layer
}

// ErrSandbox: a layer of the sandbox is required and not to be had.
var ErrSandbox = errors.New("the sandbox of workers is incomplete")

// NewSandbox finds out, by trying, which layers this system offers. An error
// is ErrSandbox where mode is Require and one is missing.
func NewSandbox(mode Mode) (*Sandbox, error) {
	s := &Sandbox{mode: mode, layers: map[string]transform.Layer{}}
	switch mode {
	case Auto, Require:
		for _, l := range tryLayers() {
			s.layers[l.Name] = l
		}
	case Off:
		for _, name := range layerNames {
			s.layers[name] = transform.Layer{Name: name, Detail: "off by --sandbox=off"}
		}
	default:
		return nil, fmt.Errorf("no such mode of the sandbox: %q", mode)
	}
	if missing := s.missingLayers(); mode == Require && len(missing) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrSandbox, strings.Join(missing, "; "))
	}
	return s, nil
}

// missingLayers says of each layer that is off why it is.
func (s *Sandbox) missingLayers() (out []string) {
	for _, l := range s.Layers() {
		if !l.On {
			out = append(out, l.Name+": "+l.Detail)
		}
	}
	return out
}

// Layers are all of them, those that are off included, always in one order.
func (s *Sandbox) Layers() []transform.Layer {
	out := make([]transform.Layer, 0, len(layerNames))
	for _, name := range layerNames {
		out = append(out, s.layers[name])
	}
	return out
}

func (s *Sandbox) has(layer string) bool { return s.layers[layer].On }

// logLayers logs what is in force.
func (s *Sandbox) logLayers(log *slog.Logger) {
	var on []string
	for _, l := range s.Layers() {
		if l.On {
			on = append(on, l.Name)
		}
	}
	layers, missing := strings.Join(on, ","), s.missingLayers()
	switch {
	case s.mode == Off:
		log.Info("worker sandbox is off")
	case len(missing) > 0:
		log.Warn("worker sandbox is incomplete", "layers", layers, "missing", strings.Join(missing, "; "))
	default:
		log.Info("worker sandbox is complete", "layers", layers, "landlock", s.layers[layerLandlock].Detail)
	}
}

// sandboxEnv names the layers that a worker puts around itself.
const sandboxEnv = "PICTOR_WORKER_SANDBOX"

// withLayers tells a worker its part of the sandbox.
func (s *Sandbox) withLayers(env []string) []string {
	var own []string
	for _, name := range []string{layerRlimits, layerSeccomp} {
		if s.has(name) {
			own = append(own, name)
		}
	}
	if len(own) == 0 {
		return env
	}
	return append(env[:len(env):len(env)], sandboxEnv+"="+strings.Join(own, ","))
}
