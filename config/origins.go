package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// OriginTable is the setting that has the settings of single origins.
type OriginTable struct {
	Origins Table `help:"Settings of HTTP origins by a name: sources that they are for, and headers, credentials, certificates, proxy, timeouts and concurrency. See docs/sources.md. In the YAML file a mapping." placeholder:"{NAME: {sources: ..., ...}, ...}" group:"Sources" reload:"yes"`
}

// Origin is an entry of OriginTable.
type Origin struct {
	// Sources are rules as in AllowSources, or folders of aliases, as in photos:// or photos://cats/.
	Sources []string `yaml:"sources"`
	// Headers are added to requests; Entries adds those to them that have a field of their own or a file.
	// PassHeaders go on from requests of clients.
	Headers     map[string]Secret `yaml:"headers"`
	HeaderFiles map[string]string `yaml:"header-files"`
	PassHeaders []string          `yaml:"pass-headers"`
	// Basic is USER:PASSWORD, Bearer a token.
	Basic   Secret `yaml:"basic"`
	Bearer  Secret `yaml:"bearer"`
	Referer string `yaml:"referer"`
	// CA has the certificates that the origin's is checked by, Certificate and Key are the client's: names
	// of PEM files.
	CA          string `yaml:"ca"`
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"certificate-key"`
	// Proxy is http://USER:PASSWORD@HOST:PORT.
	Proxy            Secret        `yaml:"proxy"`
	Timeout          time.Duration `yaml:"timeout"`
	FirstByteTimeout time.Duration `yaml:"first-byte-timeout"`
	// Concurrency is how many fetches there may be at the same time; 0 for the usual bound.
	Concurrency int `yaml:"concurrency"`
}

// maxConcurrency is the most that Concurrency may be.
const maxConcurrency = 256

// Entries are the origins by their names.
func (t *OriginTable) Entries() (map[string]Origin, error) {
	const flag = "--origins"
	all, err := readTable[Origin](flag, t.Origins)
	if err != nil {
		return nil, err
	}
	var problems []error
	for name, o := range all {
		if err := o.readHeaders(); err != nil {
			problems = append(problems, fmt.Errorf("%s: entry %q: %w", flag, name, err))
		}
		if err := o.check(); err != nil {
			problems = append(problems, fmt.Errorf("%s: entry %q: %w", flag, name, err))
		}
		all[name] = o
	}
	return all, errors.Join(problems...)
}

// readHeaders puts the values that are in files, and the headers that have a field of their own, to Headers.
func (o *Origin) readHeaders() error {
	headers := map[string]Secret{}
	add := func(name string, value Secret) error {
		for other := range headers {
			if strings.EqualFold(other, name) {
				return fmt.Errorf("header %s is set twice", name)
			}
		}
		headers[name] = value
		return nil
	}
	var problems []error
	for name, value := range o.Headers {
		problems = append(problems, add(name, value))
	}
	for name, file := range o.HeaderFiles {
		value, err := readSecret(file)
		if err == nil {
			err = add(name, Secret(value))
		}
		problems = append(problems, err)
	}
	if o.Referer != "" {
		problems = append(problems, add("Referer", Secret(o.Referer)))
	}
	if o.Bearer != "" {
		problems = append(problems, add("Authorization", "Bearer "+o.Bearer))
	}
	if o.Basic != "" {
		problems = append(problems, add("Authorization", basicOf(o.Basic)))
	}
	o.Headers = headers
	return errors.Join(problems...)
}

// passedHeaders is an entry for all sources at standard ports, with a comma list of headers.
func passedHeaders(names string) (string, error) {
	list := splitList(names)
	if len(list) == 0 || strings.Trim(strings.Join(list, ""), headerLetters) != "" {
		return "", errors.New("these are not names of headers")
	}
	return "{all: {sources: ['*'], pass-headers: [" + strings.Join(list, ", ") + "]}}", nil
}

// headerLetters are those of names that people give to headers; a few more are allowed (RFC 9110 §5.6.2).
const headerLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// basicOf is the value of an Authorization header (RFC 7617 §2).
func basicOf(credentials Secret) Secret {
	return Secret("Basic " + base64.StdEncoding.EncodeToString([]byte(credentials)))
}

// check says what does not fit together.
func (o *Origin) check() error {
	var problems []error
	for _, p := range []struct {
		wrong bool
		text  string
	}{
		{len(o.Sources) == 0, "sources: name the sources that it is for, such as https://photos.example.com/"},
		{o.Basic != "" && !strings.Contains(string(o.Basic), ":"), "basic: write USER:PASSWORD"},
		{(o.Certificate == "") != (o.Key == ""), "certificate and certificate-key belong together"},
		{o.Timeout < 0, "timeout: it must not be negative"},
		{o.FirstByteTimeout < 0, "first-byte-timeout: it must not be negative"},
		{o.Timeout > 0 && o.FirstByteTimeout > o.Timeout, "first-byte-timeout: it must not be longer than timeout"},
		{o.Concurrency < 0 || o.Concurrency > maxConcurrency,
			fmt.Sprintf("concurrency: it must be 1 to %d", maxConcurrency)},
	} {
		if p.wrong {
			problems = append(problems, errors.New(p.text))
		}
	}
	return errors.Join(problems...)
}
