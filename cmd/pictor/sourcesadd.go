package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/proxy"
)

// sourcesAddCmd registers sources.
type sourcesAddCmd struct {
	sourcesFlags `embed:""`

	Server []string `help:"Address of the admin port of a server, instead of --admin-listen. Can be repeated: each server has sources of its own." sep:"none" placeholder:"HOST:8081"`
	Source []string `arg:"" name:"source" help:"URLs of source images, or - to read one per line from standard input."`
}

// maxListed is how long the sources of one request may be together, in bytes, so that it has less than 256 KiB
// however JSON escapes them.
const maxListed = 40 << 10

// Run registers lists of sources, one after the other. Those before a list that fails are registered, and printed.
func (cmd *sourcesAddCmd) Run() error {
	r := cmd.newRegistrar()
	if len(cmd.Source) != 1 || cmd.Source[0] != "-" {
		return r.end(r.addAll(cmd.Source))
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
			if err := r.addAll(list); err != nil {
				return r.end(err)
			}
			list, bytes = nil, 0
		}
		list = append(list, source)
		bytes += len(source)
	}
	return r.end(errors.Join(lines.Err(), r.addAll(list)))
}

// registrar registers sources with servers.
type registrar struct {
	*sourcesAddCmd
	flag string
	// servers are those that have taken all sources up to now, and failures are of the others.
	servers  []string
	failures []error
}

func (cmd *sourcesAddCmd) newRegistrar() *registrar {
	if len(cmd.Server) == 0 {
		return &registrar{sourcesAddCmd: cmd, flag: "--admin-listen", servers: []string{cmd.AdminListen}}
	}
	return &registrar{sourcesAddCmd: cmd, flag: "--server", servers: slices.Clone(cmd.Server)}
}

// errNoneLeft: no server takes sources any more. The failures say why.
var errNoneLeft = errors.New("no server has taken the rest")

// addAll registers sources, and prints the hashes of those that all servers have which have not failed before.
func (r *registrar) addAll(list []string) error {
	for len(list) > 0 {
		n, bytes := 0, 0
		for n < len(list) && n < proxy.MaxRegistered && (n == 0 || bytes+len(list[n]) <= maxListed) {
			bytes += len(list[n])
			n++
		}
		hashes := r.addEverywhere(list[:n])
		if hashes == nil {
			return errNoneLeft
		}
		for i, hash := range hashes {
			fmt.Println(hash, list[i])
		}
		list = list[n:]
	}
	return nil
}

// addEverywhere registers a list that one request may have, and asks no more of a server that failed. It gives the
// hashes, or none where no server took it.
func (r *registrar) addEverywhere(list []string) (hashes []string) {
	r.servers = slices.DeleteFunc(r.servers, func(server string) bool {
		got, err := r.addAt(server, list)
		if err == nil && hashes != nil && !slices.Equal(got, hashes) {
			err = errors.New("its hashes are others: it has another --source-hash-key")
		}
		if err != nil {
			if len(r.Server) > 0 {
				err = fmt.Errorf("%s has not taken all: %w", server, err)
			}
			r.failures = append(r.failures, err)
			return true
		}
		hashes = got
		return false
	})
	return hashes
}

func (r *registrar) addAt(server string, list []string) ([]string, error) {
	req, err := r.newPost(context.Background(), "/sources", proxy.SourcesRequest{Sources: list})
	if err != nil {
		return nil, err
	}
	var answer proxy.SourcesAnswer
	if err := r.askAt(r.flag, server, req, &answer); err != nil {
		return nil, err
	}
	if len(answer.Hashes) != len(list) {
		return nil, fmt.Errorf("%w: %d hashes for %d sources", errUnsure, len(answer.Hashes), len(list))
	}
	return answer.Hashes, nil
}

// end is the error of the command: it names each server that failed.
func (r *registrar) end(err error) error {
	if errors.Is(err, errNoneLeft) {
		err = nil // the failures tell more
	}
	return errors.Join(append(r.failures, err)...)
}
