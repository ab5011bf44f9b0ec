// Command pictor is a caching image proxy and CDN origin.
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/pictor-proxy/pictor/config"
)

// cli is the command line. Each command wires parts together and decides
// nothing itself.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve images."`
	Sign    signCmd    `cmd:"" help:"Sign the path of a source image and options."`
	Explain explainCmd `cmd:"" help:"Show what a URL means, what it costs, and what is wrong with it."`
	Config  configCmd  `cmd:"" help:"Print the settings that serve would use, and where each comes from."`
	Purge   purgeCmd   `cmd:"" help:"Purge images from the cache of a running server."`
	Reload  reloadCmd  `cmd:"" help:"Have a running server read its settings again, and say which of them need a restart."`
	Warm    warmCmd    `cmd:"" help:"Have a running server make images before clients request them."`
	Sources sourcesCmd `cmd:"" help:"Register hidden sources with a running server, and look them up."`
	Keys    keysCmd    `cmd:"" help:"Print a fresh key and salt."`
	Health  healthCmd  `cmd:"" help:"Check whether a running server is ready. Fails if it is not."`
	Doctor  doctorCmd  `cmd:"" help:"Check what serve needs of this machine, with the settings that serve would have."`
	Version versionCmd `cmd:"" help:"Print versions, the formats that work here, and the sandbox."`

	ShowVersion versionFlag `name:"version" short:"v" help:"Print the version and exit."`
}

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parseCommand(&cli{}, args)
	if err == nil {
		err = ctx.Run()
	}
	if err != nil {
		exitWith(err)
	}
}

// parseCommand reads the command line, the environment and files of settings.
func parseCommand(c *cli, args []string) (*kong.Context, error) {
	k, err := kong.New(c,
		kong.Name("pictor"),
		kong.Description("A caching image proxy and CDN origin that stays within its memory limit."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Help(printHelp),
		config.Sources(os.LookupEnv),
	)
	if err != nil {
		return nil, err
	}
	return config.Parse(k, args)
}

// parseServe reads the settings of this process anew.
func parseServe() (*config.Serve, error) {
	var c cli
	if _, err := parseCommand(&c, os.Args[1:]); err != nil {
		return nil, err
	}
	return &c.Serve.Serve, nil
}

func exitWith(err error) {
	fmt.Fprintf(os.Stderr, "pictor: %v%s\n", err, exitHint(err))
	os.Exit(exitCode(err))
}

// printHelp is kong's, with the exit codes where it is of all commands.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil || ctx.Selected() != nil {
		return err
	}
	_, err := fmt.Fprint(ctx.Stdout, exitHelp)
	return err
}
