package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
)

// maxAnswer bounds what is read of a response, in bytes. The longest is that
// to a purge of 1 MiB of tags, of which JSON makes six times that at most.
const maxAnswer = 16 << 20

var (
	// errNoServer: no request could be sent.
	errNoServer = errors.New("cannot reach the server")
	// errUnsure: the request was sent, maybe, and what came of it is not known.
	errUnsure = errors.New("no valid response")
	// errLongAnswer is errUnsure: a response has more than maxAnswer bytes.
	errLongAnswer = fmt.Errorf("%w: it is larger than %d MiB", errUnsure, maxAnswer>>20)
)

// askAdmin sends a request to a running server on this machine, listen being what it
// was told to listen on by the flag of that name, and gives the body of a good
// answer. Any other answer's text is the error. Other errors are errNoServer
// and errUnsure, with their cause.
func askAdmin(flag, listen string, timeout time.Duration, req *http.Request) ([]byte, error) {
	resp, err := openAdmin(flag, listen, timeout, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return readAnswer(resp)
}

// openAdmin is askAdmin that gives the response, whatever its status is, for the caller to
// read and close. A timeout of 0 is none.
func openAdmin(flag, listen string, timeout time.Duration, req *http.Request) (*http.Response, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, config.Invalid(fmt.Errorf("%s %q is not host:port", flag, listen))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	req.URL.Host = net.JoinHostPort(host, port)
	if req.URL.Scheme == "" {
		req.URL.Scheme = "http"
	}
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{
		// The name in the certificate is that of the service, and not that of this machine.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	resp, err := client.Do(req)
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return nil, fmt.Errorf("%w at %s: %w", errNoServer, req.URL.Host, dial)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnsure, err)
	}
	return resp, nil
}

// readAnswer reads the body of a good answer. Any other answer's text is the error.
func readAnswer(resp *http.Response) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w from %s: %w", errUnsure, resp.Request.URL.Host, err)
	case len(text) > maxAnswer:
		return nil, errLongAnswer
	case resp.StatusCode != http.StatusOK:
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return text, nil
}
