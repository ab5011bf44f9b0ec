package main

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cmd/pictor/buckets"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/tracing"
)

const (
	// sourcePatience is how many times as long as a result a source may take to be read: it is larger.
	sourcePatience = 4
	// sourceWriteTimeout bounds the write of a source.
	sourceWriteTimeout = 30 * time.Second
)

// openCacheBucket opens the tier of --cache-bucket, for results and, where that is set, for sources; nil for none. It
// uses no network.
func openCacheBucket(cfg *config.Serve, trace *tracing.Tracer, log *slog.Logger) (
	results *cache.Bucket, sources *cache.SourceBucket, err error,
) {
	name, account, prefix, ok, err := cfg.SharedBucket()
	if err != nil || !ok {
		return nil, nil, config.Invalid(err)
	}
	objects, err := buckets.OpenObjects(name, account, prefix, log)
	if err != nil {
		return nil, nil, config.Invalid(err)
	}
	admit, ok := cache.ParseBucketAdmit(cfg.CacheBucketAdmit)
	if !ok {
		return nil, nil, config.Invalid(errors.New("--cache-bucket-admit is unknown"))
	}
	log.Info("cache bucket", "account", name, "bucket", account.Bucket, "prefix", account.Prefix+prefix,
		"admit", cfg.CacheBucketAdmit, "patience", cfg.CacheBucketPatience.String(), "sources", cfg.CacheBucketSources)
	at := account.Store + "://" + account.Bucket + "/" + account.Prefix + prefix
	tier := cache.BucketConfig{
		Store: objectstore.New(objectstore.Config{
			Objects: objects, Patience: cfg.CacheBucketPatience, URL: at, Trace: trace,
			Log: log.With("with", "results"),
		}),
		Admit: admit, Name: strings.Join([]string{account.Store, account.Endpoint, account.AccountName, account.Bucket,
			account.Prefix + prefix}, "\n"),
	}
	results = cache.NewBucket(tier)
	if cfg.CacheBucketSources {
		// Sources have a breaker of their own: large ones may be too slow where results are not.
		tier.Store = objectstore.New(objectstore.Config{
			Objects: objects, Patience: sourcePatience * cfg.CacheBucketPatience, WriteTimeout: sourceWriteTimeout,
			URL: at, Trace: trace, Log: log.With("with", "sources"),
		})
		sources = cache.NewSourceBucket(tier)
	}
	return results, sources, nil
}
