package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
)

// sourcesCmd asks a running server about its hidden sources.
type sourcesCmd struct {
	Add   sourcesAddCmd   `cmd:"" help:"Register sources, and print the hash of each."`
	Show  sourcesShowCmd  `cmd:"" help:"Print the source that a hash stands for."`
	Count sourcesCountCmd `cmd:"" help:"Print how many sources are registered, and how many may be."`
}

// sourcesFlags are those of all of them.
type sourcesFlags struct {
	config.File `embed:""`
	adminFlags  `embed:""`

	Timeout time.Duration `help:"How long to wait for a response." default:"10s"`
}

// ask sends a request and decodes the response.
func (f *sourcesFlags) ask(req *http.Request, into any) error {
	return f.askAt("--admin-listen", f.AdminListen, req, into)
}

// askAt is ask at an address that a flag has given.
func (f *sourcesFlags) askAt(flag, address string, req *http.Request, into any) error {
	text, err := askAdmin(flag, address, f.Timeout, req)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: %w", errUnsure, err)
	}
	return nil
}

// sourcesShowCmd prints what a hash stands for.
type sourcesShowCmd struct {
	sourcesFlags `embed:""`

	Hash string `arg:"" help:"The hash. Write -- before one that begins with a dash."`
}

func (cmd *sourcesShowCmd) Run() error {
	req, err := cmd.newGet(context.Background(), "/sources?"+url.Values{"hash": {cmd.Hash}}.Encode())
	if err != nil {
		return err
	}
	var found proxy.HiddenSource
	if err := cmd.ask(req, &found); err != nil {
		return err
	}
	fmt.Println(found.Source)
	return nil
}

// sourcesCountCmd prints how many there are.
type sourcesCountCmd struct {
	sourcesFlags `embed:""`
}

func (cmd *sourcesCountCmd) Run() error {
	req, err := cmd.newGet(context.Background(), "/sources")
	if err != nil {
		return err
	}
	var st proxy.SourcesStats
	if err := cmd.ask(req, &st); err != nil {
		return err
	}
	fmt.Printf("%d of at most %d, %d bytes on disk\n", st.Registered, st.Max, st.LogBytes)
	return nil
}
