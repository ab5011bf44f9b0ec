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

	Listen  string        `help:"Address of the server, as in its --listen." default:":8080"`
	TLSCert string        `name:"tls-cert" help:"The --tls-cert of the server: where it is set, the server is asked by HTTPS." placeholder:"FILE"`
	Timeout time.Duration `help:"How long to wait for a response." default:"4s"`
	Wait    time.Duration `help:"Keep asking for this long until the server is ready, for scripts that have just started it." placeholder:"30s"`
}

// healthInterval is the pause between two requests of --wait.
const healthInterval = 100 * time.Millisecond

func (cmd healthCmd) Run() error {
	err := cmd.checkReady()
	for end := time.Now().Add(cmd.Wait); err != nil && time.Now().Before(end); err = cmd.checkReady() {
		time.Sleep(healthInterval)
	}
	if err != nil {
		return err
	}
	fmt.Println("ok")
	return nil
}

// checkReady asks once.
func (cmd healthCmd) checkReady() error {
	req, err := http.NewRequest(http.MethodGet, "/health/ready", nil)
	if err != nil {
		return err
	}
	if cmd.TLSCert != "" {
		req.URL.Scheme = "https"
	}
	_, err = askAdmin("--listen", cmd.Listen, cmd.Timeout, req)
	return err
}
