package main

import (
	"fmt"
	"net/http"
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
	req, err := http.NewRequest(http.MethodGet, "/health/ready", nil)
	if err == nil {
		_, err = ask("--listen", cmd.Listen, cmd.Timeout, req)
	}
	if err != nil {
		return err
	}
	fmt.Println("ok")
	return nil
}
