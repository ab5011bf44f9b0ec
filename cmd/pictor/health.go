package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
)

// healthCmd asks a running server whether it can serve, for containers.
type healthCmd struct {
	config.File `embed:""`

	Listen  string        `help:"Address of the server, as given to its --listen." default:":8080"`
	Timeout time.Duration `help:"How long to wait for an answer." default:"4s"`
}

func (cmd healthCmd) Run() error {
	host, port, err := net.SplitHostPort(cmd.Listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not host:port", cmd.Listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	client := &http.Client{Timeout: cmd.Timeout, Transport: &http.Transport{Proxy: nil}}
	resp, err := client.Get("http://" + net.JoinHostPort(host, port) + "/health/ready")
	if err != nil {
		return fmt.Errorf("no server answers at %s", net.JoinHostPort(host, port))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	fmt.Println("ok")
	return nil
}
