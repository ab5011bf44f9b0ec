// Command pictor is a caching image proxy and CDN origin.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
)

// cli is the command line. Each command wires parts together and decides
// nothing itself.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve pictures."`
	Sign    signCmd    `cmd:"" help:"Mint a signed path for a source and options."`
	Explain explainCmd `cmd:"" help:"Tell what a URL means, what it costs, and what is wrong with it."`
	Config  configCmd  `cmd:"" help:"Print the settings that serve would have, and where each comes from."`
	Purge   purgeCmd   `cmd:"" help:"Purge pictures from a running server's cache."`
	Keys    keysCmd    `cmd:"" help:"Print a fresh key and salt."`
	Health  healthCmd  `cmd:"" help:"Ask a running server whether it can serve; fails if not."`
	Version versionCmd `cmd:"" help:"Tell versions, and the formats that work here."`
	Worker  workerCmd  `cmd:"" hidden:"" help:"Do a server's picture work. Started by serve."`
}

// workerCmd is a worker process; see worker_cgo.go.
type workerCmd struct{}

func main() {
	var c cli
	k, err := kong.New(&c,
		kong.Name("pictor"),
		kong.Description("A caching image proxy and CDN origin that stays within its memory limit."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		config.Sources(os.LookupEnv),
	)
	if err != nil {
		fail(err)
	}
	ctx, err := config.Parse(k, os.Args[1:])
	if err == nil {
		err = ctx.Run()
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "pictor:", err)
	os.Exit(1)
}

// dialect is how the settings have paths read.
func dialect(u *config.URLs) (*signedurl.Dialect, error) {
	presets, err := u.PresetList()
	if err != nil {
		return nil, err
	}
	key, err := u.SourceKeyBytes()
	if err != nil {
		return nil, err
	}
	return signedurl.NewDialect(signedurl.DialectConfig{
		Presets: presets, OnlyPresets: u.OnlyPresets, Allowed: u.AllowedOptions(), Ignored: u.IgnoredOptions(),
		Separator: u.Separator, Filename: u.SourceName, SourceKey: key,
	})
}

// thumborDialect is nil where it is not served.
func thumborDialect(t *config.Thumbor) (*thumbor.Dialect, error) {
	if !t.ThumborOn() {
		return nil, nil
	}
	flavor, ok := thumbor.ParseFlavor(t.ThumborFlavor)
	if !ok {
		return nil, fmt.Errorf("--thumbor-flavor is %q: set it to thumbor or imagor", t.ThumborFlavor)
	}
	d, err := thumbor.New(thumbor.Config{Keys: t.ThumborKeys(), Hash: t.ThumborHash, Truncate: t.ThumborTruncate, Unsafe: t.ThumborUnsafe, Flavor: flavor})
	if err != nil {
		return nil, fmt.Errorf("--thumbor-…: %w", err)
	}
	return d, nil
}

// keyring makes the ring of the configured keys.
func keyring(k config.Keys, trusted []string, insecure bool) (*signedurl.Keyring, error) {
	pairs, err := k.Pairs()
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 && !insecure {
		return nil, errors.New("no signing key: set --key and --salt, or PICTOR_KEY and PICTOR_SALT (run `pictor keys` for a fresh pair)")
	}
	cfg := signedurl.Config{Size: k.SignatureSize, Insecure: insecure, Trusted: trusted}
	for _, p := range pairs {
		cfg.Pairs = append(cfg.Pairs, signedurl.Pair{Key: p.Key, Salt: p.Salt})
	}
	return signedurl.New(cfg)
}
