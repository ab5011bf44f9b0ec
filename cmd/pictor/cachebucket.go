package main

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cmd/pictor/buckets"
	"github.com/pictor-proxy/pictor/config"
)

// openCacheBucket opens the tier of --cache-bucket; nil for none. It uses no network.
func openCacheBucket(cfg *config.Serve, log *slog.Logger) (*cache.Bucket, error) {
	name, account, prefix, ok, err := cfg.SharedBucket()
	if err != nil || !ok {
		return nil, config.Invalid(err)
	}
	objects, err := buckets.OpenObjects(name, account, prefix, log)
	if err != nil {
		return nil, config.Invalid(err)
	}
	admit, ok := cache.ParseBucketAdmit(cfg.CacheBucketAdmit)
	if !ok {
		return nil, config.Invalid(errors.New("--cache-bucket-admit is unknown"))
	}
	log.Info("cache bucket", "account", name, "bucket", account.Bucket, "prefix", account.Prefix+prefix,
		"admit", cfg.CacheBucketAdmit, "patience", cfg.CacheBucketPatience.String())
	return cache.NewBucket(cache.BucketConfig{
		Store: objectstore.New(objectstore.Config{
			Objects: objects, Patience: cfg.CacheBucketPatience, Log: log,
		}),
		Admit: admit, Name: strings.Join([]string{account.Store, account.Endpoint, account.AccountName, account.Bucket,
			account.Prefix + prefix}, "\n"),
	}), nil
}
