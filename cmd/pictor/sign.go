package main

import (
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// signCmd mints the signed path of a source and options.
type signCmd struct {
	config.File `embed:""`
	config.Keys `embed:""`

	Source  string   `arg:"" help:"URL of the source picture."`
	Options []string `arg:"" optional:"" help:"Options as they stand in a path, such as rs:fill:300:200 or f:webp."`
	Plain   bool     `help:"Leave the source readable instead of encoding it as base64url."`
	URL     string   `name:"url" help:"Server to put in front of the path, such as https://img.example.com." placeholder:"URL"`
}

func (cmd signCmd) Run() error {
	ring, err := keyring(cmd.Keys, nil, false)
	if err != nil {
		return err
	}
	req, err := parseOptions(cmd.Options)
	if err != nil {
		return err
	}
	req.Source = cmd.Source
	path := ring.SignedPath(req, cmd.Plain)
	// What is signed must be what a server reads: it is parsed once more.
	signed, err := ring.Verify(path)
	if err == nil {
		_, err = signedurl.Parse(signed)
	}
	if err != nil {
		return err
	}
	fmt.Println(strings.TrimSuffix(cmd.URL, "/") + path)
	return nil
}

// parseOptions reads options through the dialect itself, so that the command
// line takes exactly what a path does.
func parseOptions(options []string) (signedurl.Request, error) {
	path := "/"
	for _, o := range options {
		path += strings.Trim(o, "/") + "/"
	}
	return signedurl.Parse(path + "plain/x")
}
