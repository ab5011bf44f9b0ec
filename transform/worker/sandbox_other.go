//go:build unix && !linux

package worker

import (
	"os"
	"os/exec"

	"github.com/pictor-proxy/pictor/transform"
)

func tryLayers() (out []transform.Layer) {
	for _, name := range layerNames {
		out = append(out, transform.Layer{Name: name, Detail: "only Linux has it"})
	}
	return out
}

func (s *Sandbox) startConfined(cmd *exec.Cmd, _ string, _ []string) error { return cmd.Start() }

func (s *Sandbox) checkProcess(int) error { return nil }

func confineSelf(string) error { return nil }

func ownLibraries() []string { return nil }

func openPages(int) (*os.File, error) { return nil, os.ErrNotExist }
