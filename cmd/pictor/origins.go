package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// readOrigins reads --origins, and the files that it names. Errors have no secret in them.
func readOrigins(cfg *config.SourceSettings, aliases map[string]string) (all []origin.Settings, err error) {
	entries, err := cfg.Entries()
	if err != nil {
		return nil, err
	}
	return settingsOfOrigins(entries, aliases)
}

func settingsOfOrigins(entries map[string]config.Origin, aliases map[string]string) (all []origin.Settings, err error) {
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		s, err := originSettings(entries[name], aliases)
		if err != nil {
			return nil, fmt.Errorf("--origins: entry %q: %w", name, err)
		}
		s.Name = name
		all = append(all, s)
	}
	return all, nil
}

func originSettings(o config.Origin, aliases map[string]string) (s origin.Settings, err error) {
	s = origin.Settings{Header: http.Header{}, Timeout: o.Timeout, FirstByte: o.FirstByteTimeout,
		Fetches: o.Concurrency}
	for _, text := range o.Sources {
		rule, err := origin.ParseSourceRule(inAlias(text, aliases))
		if err != nil {
			return s, err
		}
		s.Sources = append(s.Sources, rule)
	}
	for name, value := range o.Headers {
		canonical, err := origin.ParseHeaderName(name)
		if err != nil {
			return s, err
		}
		s.Header[canonical] = []string{string(value)}
	}
	for _, name := range o.PassHeaders {
		canonical, err := origin.ParseHeaderName(name)
		if err != nil {
			return s, err
		}
		if !slices.Contains(s.Pass, canonical) {
			s.Pass = append(s.Pass, canonical)
		}
	}
	if o.Proxy != "" {
		if s.Proxy, err = url.Parse(string(o.Proxy)); err != nil {
			return s, errors.New("proxy: it is not a valid URL") // whose error would show it
		}
	}
	if o.CA != "" {
		if s.Roots, err = readRoots(o.CA); err != nil {
			return s, fmt.Errorf("ca: %w", err)
		}
	}
	if o.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
		if err != nil {
			return s, fmt.Errorf("certificate: %w", err)
		}
		s.Certificate = &pair
	}
	return s, nil
}

// inAlias puts the folder of an alias in its place.
func inAlias(rule string, aliases map[string]string) string {
	scheme, rest, ok := strings.Cut(rule, "://")
	if target := aliases[scheme]; ok && target != "" {
		return target + strings.TrimLeft(rest, "/")
	}
	return rule
}

// readRoots reads a PEM file of certificates.
func readRoots(name string) (*x509.CertPool, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", name)
	}
	return pool, nil
}
