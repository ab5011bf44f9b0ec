package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
)

// purgeCmd asks a running server to purge.
type purgeCmd struct {
	config.File `embed:""`
	adminFlags  `embed:""`

	URL     []string      `arg:"" optional:"" name:"url" help:"URLs or paths of images, in any spelling and with any signature."`
	Source  []string      `sep:"none" help:"URL of a source image: purges all results made of it. Can be repeated, like the next four." placeholder:"URL"`
	Tag     []string      `sep:"none" help:"Tag, from URLs (ct:) or from origins." placeholder:"TAG"`
	Prefix  []string      `sep:"none" help:"Beginning of source URLs." placeholder:"URL"`
	Host    []string      `sep:"none" help:"Host of source URLs, with or without a port." placeholder:"HOST"`
	All     bool          `help:"Everything. A soft purge unless --hard is given."`
	Soft    bool          `help:"Keep serving the purged images while they are revalidated." xor:"mode"`
	Hard    bool          `help:"Stop serving the purged images at once. The default unless --all is given." xor:"mode"`
	Wait    string        `help:"With a purge bus: all waits until each server has applied the purge, local for the one that is asked." enum:"all,local" default:"all"`
	Timeout time.Duration `help:"How long to wait for a response." default:"10s"`
}

func (cmd *purgeCmd) Run() error {
	named := proxy.PurgeRequest{URLs: cmd.URL, Sources: cmd.Source, Tags: cmd.Tag, Prefixes: cmd.Prefix,
		Hosts: cmd.Host, All: cmd.All, Wait: cmd.Wait}
	switch {
	case cmd.Soft:
		named.Mode = "soft"
	case cmd.Hard:
		named.Mode = "hard"
	}
	answer, err := cmd.sendPurge(named)
	if err != nil {
		return err
	}
	log := ""
	if answer.Sequence == 1 && len(answer.Servers) == 0 { // which may be a surprise
		log = ", the first one of log " + answer.Log
	}
	fmt.Printf("purged (%s), sequence %d%s, at %s\nat the CDN purge these tags next: %s\n", answer.Mode,
		answer.Sequence, log, answer.Applied, strings.Join(answer.CDNTags, " "))
	if len(answer.Servers) > 0 {
		fmt.Printf("in force on: %s\n", strings.Join(answer.Servers, " "))
	}
	return unconfirmed(answer)
}

// unconfirmed is the error of a purge that is not known to be in force on all servers.
func unconfirmed(answer proxy.PurgeAnswer) error {
	switch {
	case len(answer.Pending) > 0:
		return fmt.Errorf("the purge is not yet in force on: %s; these servers apply it when they hear of it",
			strings.Join(answer.Pending, " "))
	case answer.Unknown:
		return errors.New("the purge bus was started a moment ago and may not know all servers yet: those it does " +
			"not know apply the purge when they hear of it")
	}
	return nil
}

func (cmd *purgeCmd) sendPurge(named proxy.PurgeRequest) (answer proxy.PurgeAnswer, err error) {
	req, err := cmd.newPost(context.Background(), "/purge", named)
	if err != nil {
		return answer, err
	}
	text, err := askAdmin("--admin-listen", cmd.AdminListen, cmd.Timeout, req)
	if err == nil {
		if err = json.Unmarshal(text, &answer); err != nil {
			err = fmt.Errorf("%w: %w", errUnsure, err)
		}
	}
	if errors.Is(err, errUnsure) {
		err = fmt.Errorf("%w; images may have been purged all the same, and repeating the purge does no harm", err)
	}
	return answer, err
}
