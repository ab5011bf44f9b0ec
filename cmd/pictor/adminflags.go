package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/pictor-proxy/pictor/config"
)

// adminFlags are the flags of commands that ask the admin port of a running server.
type adminFlags struct {
	AdminListen    string        `help:"Address of the admin port of the server." default:"127.0.0.1:8081" placeholder:"127.0.0.1:8081"`
	AdminToken     config.Secret `help:"Admin token of the server." placeholder:"TEXT"`
	AdminTokenFile string        `help:"File with the token, instead of --admin-token." placeholder:"FILE"`
}

// newPost makes a request with a JSON body, and with the token if there is one.
func (f *adminFlags) newPost(ctx context.Context, path string, ask any) (*http.Request, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // & in a URL is one byte of what the server accepts, not six
	if err := enc.Encode(ask); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, &body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	f.authorize(req)
	return req, nil
}

// newGet makes a request without a body, and with the token if there is one.
func (f *adminFlags) newGet(ctx context.Context, path string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err == nil {
		f.authorize(req)
	}
	return req, err
}

func (f *adminFlags) authorize(req *http.Request) {
	if f.AdminToken != "" {
		req.Header.Set("Authorization", "Bearer "+string(f.AdminToken))
	}
}
