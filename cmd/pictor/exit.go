package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// The exit codes, beside 0. docs/cli.md and exitHelp have them, too.
const (
	exitFailure = 1
	exitUsage   = 2
	exitSetting = 3
	exitBind    = 4
)

const exitHelp = `
Exit codes:
  0    success
  1    failed at run time: no or a bad response of a server, a wrong URL, no worker program
  2    wrong usage: an unknown or missing command, flag or argument
  3    invalid configuration: a setting, a key, or a file of one
  4    cannot bind --listen or --admin-listen
`

// errBind: an address cannot be listened on.
var errBind = errors.New("cannot listen on")

// exitCode is the code of the process for an error of a command.
func exitCode(err error) int {
	switch {
	case errors.Is(err, config.ErrUsage):
		return exitUsage
	case errors.Is(err, config.ErrSetting), errors.Is(err, memory.ErrLimit):
		return exitSetting
	case errors.Is(err, errBind):
		return exitBind
	}
	return exitFailure
}

// exitHint is a further line on what to do about a wrong command line.
func exitHint(err error) string {
	var parse *kong.ParseError
	if !errors.Is(err, config.ErrUsage) || !errors.As(err, &parse) {
		return ""
	}
	command := "pictor"
	if parse.Context != nil && parse.Context.Selected() != nil {
		command = parse.Context.Selected().FullPath()
	}
	return fmt.Sprintf("\nRun %q for its flags and arguments.", command+" --help")
}

// listenOn binds an address that the flag of that name has.
func listenOn(flag, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w %s %s: %w; stop the program that uses it, or set another address", errBind, flag,
			address, err)
	case err != nil:
		return nil, fmt.Errorf("%w %s %s: %w", errBind, flag, address, err)
	}
	return l, nil
}
