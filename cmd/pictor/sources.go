package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
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

// sourcesAddCmd registers sources.
type sourcesAddCmd struct {
	sourcesFlags `embed:""`

	Source []string `arg:"" name:"source" help:"URLs of source images, or - to read one per line from standard input."`
}

// maxListed is how long the sources of one request may be together, in bytes, so that it has less than 256 KiB
// however JSON escapes them.
const maxListed = 40 << 10

// Run registers lists of sources, one after the other. Those before a list that fails are registered, and printed.
func (cmd *sourcesAddCmd) Run() error {
	if len(cmd.Source) != 1 || cmd.Source[0] != "-" {
		return cmd.addAll(cmd.Source)
	}
	var list []string
	bytes := 0
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		source := strings.TrimSpace(lines.Text())
		if source == "" {
			continue
		}
		if len(list) == proxy.MaxRegistered || bytes+len(source) > maxListed {
			if err := cmd.addAll(list); err != nil {
				return err
			}
			list, bytes = nil, 0
		}
		list = append(list, source)
		bytes += len(source)
	}
	return errors.Join(lines.Err(), cmd.addAll(list))
}

// addAll registers sources and prints their hashes.
func (cmd *sourcesAddCmd) addAll(list []string) error {
	for len(list) > 0 {
		n, bytes := 0, 0
		for n < len(list) && n < proxy.MaxRegistered && (n == 0 || bytes+len(list[n]) <= maxListed) {
			bytes += len(list[n])
			n++
		}
		req, err := cmd.newPost(context.Background(), "/sources", proxy.SourcesRequest{Sources: list[:n]})
		if err != nil {
			return err
		}
		var answer proxy.SourcesAnswer
		if err := cmd.ask(req, &answer); err != nil {
			return err
		}
		if len(answer.Hashes) != n {
			return fmt.Errorf("%w: %d hashes for %d sources", errUnsure, len(answer.Hashes), n)
		}
		for i, hash := range answer.Hashes {
			fmt.Println(hash, list[i])
		}
		list = list[n:]
	}
	return nil
}

// ask sends a request and decodes the response.
func (f *sourcesFlags) ask(req *http.Request, into any) error {
	text, err := askAdmin("--admin-listen", f.AdminListen, f.Timeout, req)
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
