package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge/bus"
	"github.com/pictor-proxy/pictor/cmd/pictor/buckets"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// networkPatience bounds each check that asks another machine.
const networkPatience = 5 * time.Second

// probeName is the name of a source, or an object, that is not there.
func probeName() string { return "pictor-doctor-" + rand.Text()[:8] }

// checkNetwork asks all that is configured beyond this machine, at the same time. Without in, which is of settings
// that are wrong, sources and buckets are left out.
func (r *report) checkNetwork(cfg *config.Serve, in *inputs) {
	checks := []func(*report){(*report).checkTraces}
	for _, host := range configuredHosts(cfg) {
		checks = append(checks, func(r *report) { r.checkName(host) })
	}
	if in != nil {
		checks = append(checks, originChecks(cfg, in)...)
		for _, account := range in.accounts {
			checks = append(checks, func(r *report) { r.checkAccount(account) })
		}
		checks = append(checks, func(r *report) { r.checkCacheBucket(cfg) })
	}
	for _, engine := range []struct {
		flag string
		url  config.Secret
	}{{"--purge-bus", cfg.PurgeBus}, {"--fill-leases", cfg.FillLeases.FillLeases}} {
		if engine.url != "" {
			checks = append(checks, func(r *report) { r.checkEngine(engine.flag, string(engine.url)) })
		}
	}
	r.together(checks)
}

// configuredHosts are the names, without addresses, of what the settings lead to, each once. What is behind a proxy
// is the proxy's to find.
func configuredHosts(cfg *config.Serve) (hosts []string) {
	urls := []string{cfg.BaseURL, cfg.NextjsBaseURL, string(cfg.PurgeBus), string(cfg.FillLeases.FillLeases)}
	aliases, _ := cfg.Aliases()
	rewrites, _ := cfg.Rewrites()
	urls = slices.AppendSeq(slices.AppendSeq(urls, maps.Values(aliases)), maps.Values(rewrites))
	accounts, _ := cfg.AccountList()
	for _, account := range accounts {
		urls = append(urls, account.Endpoint)
	}
	entries, _ := cfg.Entries()
	for _, entry := range entries {
		if entry.Proxy != "" {
			urls = append(urls, string(entry.Proxy))
			continue
		}
		for _, rule := range entry.Sources {
			urls = append(urls, ruleURL(inAlias(rule, aliases)))
		}
	}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || slices.Contains([]string{"s3", "gs", "abs", "local"}, u.Scheme) {
			continue
		}
		if _, err := netip.ParseAddr(u.Hostname()); err != nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// ruleURL is a URL that a rule of sources is for; "" where it is for many hosts or none of HTTP.
func ruleURL(rule string) string {
	if strings.Contains(rule, "*") {
		return ""
	}
	if !strings.Contains(rule, "://") {
		rule = "https://" + rule
	}
	if !strings.HasPrefix(rule, "http://") && !strings.HasPrefix(rule, "https://") {
		return ""
	}
	return strings.TrimSuffix(rule, "/") + "/"
}

// checkName looks a name up.
func (r *report) checkName(host string) {
	ctx, cancel := context.WithTimeout(context.Background(), networkPatience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	var said *net.DNSError
	switch {
	case err == nil:
		r.ok("dns", "%s has %d addresses", host, len(addresses))
	case errors.As(err, &said) && said.IsNotFound:
		r.problem("dns", "Correct the name in the settings, or add it to the DNS.", "There is no host %s", host)
	default:
		r.problem("dns", "Look at /etc/resolv.conf, and whether its name servers can be reached.",
			"The resolver does not answer for %s: %v", host, err)
	}
}

// checkEngine asks Redis or NATS.
func (r *report) checkEngine(flag, address string) {
	ctx, cancel := context.WithTimeout(context.Background(), networkPatience)
	defer cancel()
	name := strings.TrimPrefix(flag, "--")
	if err := bus.Check(ctx, address); err != nil {
		r.problem(name, "Start it, or correct the address and the password in "+flag+".",
			"The engine of %s does not answer as it should: %v", flag, err)
		return
	}
	r.ok(name, "The engine of %s answers", flag)
}

// checkAccount reads an object that is not there, as a source would be read.
func (r *report) checkAccount(account origin.Account) {
	ctx, cancel := context.WithTimeout(context.Background(), networkPatience)
	defer cancel()
	object := origin.Object{Store: account.Store, Bucket: account.Bucket, Key: account.Prefix + probeName()}
	if account.Bucket == origin.AnyBucket {
		object.Bucket = strings.ToLower(probeName())
	}
	resp, err := account.Open(ctx, object, origin.StoredObject{})
	if resp != nil && resp.Body != nil {
		resp.Body.Close()
	}
	var said *origin.ObjectError
	isAnswer := errors.As(err, &said)
	noBucket := isAnswer && account.Bucket != origin.AnyBucket &&
		(said.Code == "NoSuchBucket" || said.Code == "ContainerNotFound")
	switch {
	case err == nil, isAnswer && said.Status == http.StatusNotFound && !noBucket:
		r.ok("bucket", "The account %s answers", account.Name)
	case noBucket:
		r.problem("bucket", "Correct the bucket in --accounts, or make it.", "The account %s has no bucket %s: %v",
			account.Name, account.Bucket, err)
	case isAnswer && said.Code == "AccessDenied":
		r.note("bucket", "Give the account the right to list the bucket, or look whether it may read: a store that "+
			"lets it only read objects says the same of one that is missing.",
			"The account %s may not see whether an object is missing: %v", account.Name, err)
	case isAnswer && (said.Status == http.StatusForbidden || said.Status == http.StatusUnauthorized):
		r.problem("bucket", "Correct its credentials in --accounts.", "The store refuses the account %s: %v",
			account.Name, err)
	default:
		r.problem("bucket", "Look at its endpoint and region in --accounts, and at the network.",
			"The account %s does not answer as it should: %v", account.Name, err)
	}
}

// checkCacheBucket writes a small object as the cache would, and removes it.
func (r *report) checkCacheBucket(cfg *config.Serve) {
	name, account, prefix, ok, err := cfg.SharedBucket()
	if err != nil || !ok {
		return // an error is one of the settings
	}
	objects, err := buckets.OpenObjects(name, account, prefix, nil)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), networkPatience)
	defer cancel()
	object, content := strings.ReplaceAll(probeName(), "-", "/"), []byte("pictor doctor")
	create := func() error {
		return objects.Write(ctx, object, io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content))), true)
	}
	replaces := false
	if err = create(); err == nil {
		replaces = !errors.Is(create(), objectstore.ErrExists)
		if err = objects.Remove(ctx, object); err != nil {
			err = fmt.Errorf("%s was written and cannot be removed: %w", prefix+object, err)
		}
	}
	if err != nil {
		r.problem("cache-bucket", "Let the account write and remove objects below the prefix, or look at its endpoint.",
			"The bucket of --cache-bucket cannot be used: %v", err)
		return
	}
	if replaces {
		r.note("cache-bucket", "Update the store, or take one that knows If-None-Match.",
			"The store of --cache-bucket replaces an object where it was to create one: records of other servers, too")
	}
	r.ok("cache-bucket", "The bucket of --cache-bucket can be written")
}
