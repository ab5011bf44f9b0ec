package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// MaxWorkers is the most that Workers may be.
const MaxWorkers = 256

const (

	// Below these a size or a number of pixels is a forgotten unit: caches that
	// hold next to nothing, and sources smaller than any photograph.
	leastCache        = 1 << 20
	leastSource       = 1 << 10
	leastSourcePixels = 10_000
)

// Validate joins everything that keeps the server from starting, a line each
// that says what to change. Kong calls it at the end of parsing a command that
// embeds Serve.
func (s *Serve) Validate() error {
	var problems []error
	for _, check := range []func() []error{
		s.checkSigning, s.checkAccessKeys, s.checkURLs, s.checkAddress, s.checkAdmin, s.checkMemory,
		s.checkWorkers, s.checkFreshness, s.checkSourceLimits, s.checkTimeouts, s.checkLogging, s.checkRequestLog,
		s.checkMounts, s.TLS.findProblems, s.Deferral.findProblems,
	} {
		problems = append(problems, check()...)
	}
	return Invalid(errors.Join(problems...))
}

// Warnings are sentences on settings that work but are probably not meant, or weak.
func (s *Serve) Warnings() []string {
	warnings := append(s.Keys.Warnings(), s.accessWarnings()...)
	switch {
	case s.Insecure && s.Key != "":
		warnings = append(warnings, "--insecure: any signature is accepted, the keys are only used to sign")
	case s.Insecure:
		warnings = append(warnings,
			"--insecure: anyone who can reach this server can make it fetch and transform any image")
	}
	for _, network := range s.AllowNetworks {
		if network.Bits() == 0 {
			warnings = append(warnings,
				fmt.Sprintf("--allow-networks %s: source images may be fetched from every private address", network))
		}
	}
	if s.Insecure && s.SourceKey != "" {
		warnings = append(warnings,
			"--source-key with --insecure: anyone who can change an encrypted source can find out its text by trying")
	}
	if s.Insecure && s.SourceKeyIgnore != "" {
		warnings = append(warnings,
			"--source-key-ignore with --insecure: anyone gets cached results of a source without the parameters "+
				"that its origin requires")
	}
	if s.ThumborUnsafe {
		warnings = append(warnings,
			"--thumbor-unsafe: anyone who can reach this server can make it fetch and transform any image")
	}
	if strings.EqualFold(s.Sandbox, "off") {
		warnings = append(warnings,
			"--sandbox=off: an image that takes over a decoder has all rights of the server's user")
	}
	if s.QueueWait > s.RequestTimeout {
		warnings = append(warnings, "--queue-wait is longer than --request-timeout, which ends the request first")
	}
	return warnings
}

func (s *Serve) checkSigning() []error {
	problems := s.Keys.findProblems()
	if s.Key == "" && s.Salt == "" && s.AccessKeys == "" && !s.Insecure && !s.Dev {
		problems = append(problems,
			errors.New("no signing key: set --key and --salt (run `pictor keys` for a fresh pair), or --insecure to "+
				"accept any signature, or --dev to try pictor out"))
	}
	return problems
}

// checkAccessKeys is the part of Serve.Validate that is about AccessKeys.
func (s *Serve) checkAccessKeys() []error {
	_, err := s.AccessKeyList()
	switch {
	case err != nil:
		return []error{err}
	case s.AccessKeys != "" && s.Insecure:
		return []error{errors.New("--access-keys has no effect with --insecure, as any signature is accepted: " +
			"set one of them")}
	}
	return nil
}

func (s *Serve) checkURLs() []error {
	if err := s.URLs.Validate(); err != nil {
		return []error{err}
	}
	return nil
}

func (s *Serve) checkAddress() []error {
	host, port, err := net.SplitHostPort(s.Address())
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case err != nil:
		return []error{fmt.Errorf("--listen is %q: write it like :8080 or 127.0.0.1:8080", s.Listen)}
	case s.Dev && !isLoopback(host):
		return []error{fmt.Errorf("--dev serves on loopback only, not on %q: leave --listen out, or set it to %s",
			s.Listen, defaultListenDev)}
	}
	return nil
}

func (s *Serve) checkAdmin() []error {
	address, _ := s.AdminAddress()
	if address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case err != nil:
		return []error{fmt.Errorf("--admin-listen is %q: write it like 127.0.0.1:8081, or off", s.AdminListen)}
	case !isLoopback(host) && s.AdminToken == "":
		return []error{fmt.Errorf("--admin-listen %s is not a loopback address: set --admin-token, or use a "+
			"loopback address such as %s", s.AdminListen, defaultAdminListen)}
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

func (s *Serve) checkMemory() []error {
	var problems []error
	if s.MemoryLimit < 0 {
		problems = append(problems,
			fmt.Errorf("--memory-limit is %d: set it like 512MiB, or leave it out", s.MemoryLimit))
	}
	if s.Workers < 0 || s.Workers > MaxWorkers {
		problems = append(problems,
			fmt.Errorf("--workers is %d: set it to 1 to %d, or to 0 for as many as fit", s.Workers, MaxWorkers))
	}
	if s.WorkerJobs < 1 {
		problems = append(problems, fmt.Errorf("--worker-jobs is %d: set it to 1 or more", s.WorkerJobs))
	}
	for _, cache := range []struct {
		flag string
		size CacheSize
		like string
	}{
		{"--cache-memory", s.CacheMemory, "64MiB"},
		{"--cache-disk", s.CacheDisk, "10GiB"},
		{"--cache-sources", s.CacheSources, "1GiB"},
	} {
		if cache.size > 0 && cache.size < leastCache {
			problems = append(problems,
				fmt.Errorf("%s is %d bytes, too small for a cache: set it to %s or more, like %s, or to off",
					cache.flag, int64(cache.size), Bytes(leastCache), cache.like))
		}
	}
	return problems
}

func (s *Serve) checkWorkers() []error {
	switch strings.ToLower(s.Sandbox) {
	case "auto", "require", "off":
		return nil
	}
	return []error{fmt.Errorf("--sandbox is %q: set it to auto, require or off", s.Sandbox)}
}

func (s *Serve) checkFreshness() []error {
	problems := append(s.Fallback.findProblems(), s.Cluster.findProblems()...)
	problems = append(problems, s.FillLeases.findProblems(s.PurgeBus)...)
	problems = append(problems, s.Handover.findProblems()...)
	if s.TTL < 0 {
		problems = append(problems, fmt.Errorf("--ttl is %s: set it to 0 or more", s.TTL))
	}
	if s.TTLMin < 0 {
		problems = append(problems, fmt.Errorf("--ttl-min is %s: set it to 0 or more", s.TTLMin))
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"--stale-while-revalidate", s.StaleWhileRevalidate},
		{"--stale-if-error", s.StaleIfError},
		{"--browser-ttl", s.BrowserTTL},
	} {
		if d.value < 0 {
			problems = append(problems, fmt.Errorf("%s is %s: set it to 0 or more", d.flag, d.value))
		}
	}
	if s.TTLMax < s.TTLMin {
		problems = append(problems,
			fmt.Errorf("--ttl-max (%s) is less than --ttl-min (%s): raise one or lower the other", s.TTLMax, s.TTLMin))
	}
	return problems
}

func (s *Serve) checkSourceLimits() []error {
	var problems []error
	if err := checkFolder(s.LocalRoot); err != nil {
		problems = append(problems, err)
	}
	if n := s.MaxSourceSize; n > 0 && n < leastSource {
		problems = append(problems,
			fmt.Errorf("--max-source-size is %d bytes, too small for an image: set it to %s or more, like 64MiB",
				int64(n), Bytes(leastSource)))
	}
	if n := s.MaxSourcePixels; n > 0 && n < leastSourcePixels {
		problems = append(problems,
			fmt.Errorf("--max-source-pixels is %d pixels, too few for an image: set it to %d or more, like 100MP",
				int64(n), int64(leastSourcePixels)))
	}
	problems = append(problems, append(s.Buckets.findProblems(), s.checkCacheBucket()...)...)
	problems = append(problems, checkLimits([]limit{
		{"--max-source-size", int64(s.MaxSourceSize), 0},
		{"--max-source-pixels", int64(s.MaxSourcePixels), 0},
		{"--max-output-side", int64(s.MaxOutputSide), maxSide},
	})...)
	problems = append(problems, s.Hidden.findProblems(s.Key != "" || s.Dev)...)
	return append(append(problems, s.Animations.findProblems()...), s.Negotiation.findProblems()...)
}

// checkFolder: path is unset or a directory that is there.
func checkFolder(path string) error {
	if path == "" {
		return nil
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--local-root %s does not exist: create the directory, or correct the path", path)
	case err != nil:
		return fmt.Errorf("--local-root cannot be used: %w", err)
	case !info.IsDir():
		return fmt.Errorf("--local-root %s is a file: set it to the directory with the images", path)
	}
	return nil
}

func (s *Serve) checkTimeouts() []error {
	var problems []error
	for _, limit := range []struct {
		flag  string
		value time.Duration
	}{
		{"--fetch-timeout", s.FetchTimeout},
		{"--request-timeout", s.RequestTimeout},
		{"--queue-wait", s.QueueWait},
	} {
		if limit.value <= 0 {
			problems = append(problems,
				fmt.Errorf("%s is %s: set it to more than 0, like 10s", limit.flag, limit.value))
		}
	}
	switch first := s.FetchFirstByteTimeout; {
	case first < 0:
		problems = append(problems,
			fmt.Errorf("--fetch-first-byte-timeout is %s: set it to more than 0, like 5s, or leave it out", first))
	case first > s.FetchTimeout && s.FetchTimeout > 0:
		problems = append(problems,
			fmt.Errorf("--fetch-first-byte-timeout (%s) is longer than --fetch-timeout (%s): raise one or lower the "+
				"other", first, s.FetchTimeout))
	}
	if s.FetchTimeout > s.RequestTimeout && s.RequestTimeout > 0 {
		problems = append(problems,
			fmt.Errorf("--fetch-timeout (%s) is longer than --request-timeout (%s): raise one or lower the other",
				s.FetchTimeout, s.RequestTimeout))
	}
	return problems
}

func (s *Serve) checkLogging() []error {
	var problems []error
	switch strings.ToLower(s.LogFormat) {
	case "text", "json":
	default:
		problems = append(problems, fmt.Errorf("--log-format is %q: set it to text or json", s.LogFormat))
	}
	switch strings.ToLower(s.LogLevel) {
	case "debug", "info", "warn", "error":
	default:
		problems = append(problems, fmt.Errorf("--log-level is %q: set it to debug, info, warn or error", s.LogLevel))
	}
	return problems
}

// NextjsBase is the folder of sources that begin with a slash; "" for none.
func (s *Serve) NextjsBase() string {
	if s.NextjsBaseURL != "" {
		return s.NextjsBaseURL
	}
	return s.BaseURL
}

// checkMounts refuses a server where URLs of Next.js or Cloudflare could have no source.
func (s *Serve) checkMounts() []error {
	if s.CloudflarePath != "" && s.UnsignedSources == "" && !s.Insecure {
		return []error{errors.New("--cloudflare-path needs --unsigned-sources, as nothing signs these URLs: list the " +
			"sources that anyone may have, such as https://photos.example.com/")}
	}
	if s.Nextjs.Nextjs && s.NextjsBase() == "" && s.NextjsRemotePatterns == "" {
		return []error{errors.New("--nextjs needs --nextjs-base-url or --nextjs-remote-patterns: list the sources " +
			"that anyone may have, such as https://www.example.com/")}
	}
	return nil
}
