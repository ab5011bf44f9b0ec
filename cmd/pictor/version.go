package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// version is set by the linker.
var version = "unknown"

// versionCmd prints versions, and the formats that really work here.
type versionCmd struct {
	config.File   `embed:""`
	config.Worker `embed:""`
}

// versionLine is the first line of `pictor version`.
func versionLine() string {
	return fmt.Sprintf("pictor %s, %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// versionFlag prints versionLine instead of running a command.
type versionFlag bool

// BeforeReset is called by kong before it looks for a command.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	fmt.Fprintln(app.Stdout, versionLine())
	app.Exit(0)
	return nil
}

func (cmd *versionCmd) Run() error {
	fmt.Println(versionLine())
	path, err := findWorker(cmd.WorkerCommand)
	if err != nil {
		return err
	}
	program, err := probeWorker(path)
	if err != nil {
		return err
	}
	c := program.Capabilities
	fmt.Printf("libvips %s\nloads %s\nsaves %s\n", c.Version, formatNames(c.Load), formatNames(c.Save))
	sandbox, err := worker.NewSandbox(worker.Auto)
	if err != nil {
		return err
	}
	fmt.Println(sandboxLine(sandbox.Layers()))
	if line := optionalLine(c.Without()); line != "" {
		fmt.Println(line)
	}
	if missing := c.Missing(); len(missing) > 0 {
		return missingFormats(missing)
	}
	return nil
}

func formatNames(list []transform.Format) string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = f.String()
	}
	return strings.Join(out, " ")
}

// missingFormats says what an installation of libvips cannot do.
func missingFormats(missing []string) error {
	return fmt.Errorf("this libvips cannot %s: install its codecs (Debian 13: libheif-plugin-aomenc and "+
		"libheif-plugin-dav1d for AVIF)",
		strings.Join(missing, ", "))
}
