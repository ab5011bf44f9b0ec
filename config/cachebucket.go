package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// CacheBucket are the settings of the cache tier that servers share.
type CacheBucket struct {
	CacheBucket string `help:"Bucket below the disk cache that servers share: an account of --accounts, and a prefix of the objects, like results/pictor/. Without --purge-bus it is for one server alone, see docs/scaling.md." placeholder:"ACCOUNT/PREFIX" group:"Cluster" reload:"no"`
	// CacheBucketAdmit is one of cache.BucketAdmitNames.
	CacheBucketAdmit   string `help:"Which results are written to --cache-bucket: second (those that were asked for twice), slow (those that took 100 ms or more to make) or all." default:"second" placeholder:"second" group:"Cluster" reload:"no"`
	CacheBucketSources bool   `help:"Have --cache-bucket keep source images, too, by the rule of --cache-bucket-admit: servers then make other results of them without asking the origin." group:"Cluster" reload:"no"`
	// CacheBucketPatience bounds a read.
	CacheBucketPatience time.Duration `help:"How long a result that is not here waits for --cache-bucket, before it is made. A source waits four times as long, before it is fetched." default:"250ms" group:"Cluster" reload:"no"`
}

var bucketPrefix = regexp.MustCompile(`^[A-Za-z0-9._/-]{0,200}$`)

// SharedBucket is the account that --cache-bucket names, with its name and the prefix of the objects; ok is false
// where there is none.
func (s *Serve) SharedBucket() (name string, account Account, prefix string, ok bool, err error) {
	if s.CacheBucket.CacheBucket == "" {
		return "", account, "", false, nil
	}
	name, prefix, _ = strings.Cut(s.CacheBucket.CacheBucket, "/")
	all, err := s.AccountList()
	if err != nil {
		return name, account, prefix, false, err
	}
	account, ok = all[name]
	switch {
	case !ok:
		err = fmt.Errorf("--cache-bucket: --accounts has no entry %q", name)
	case account.Bucket == "*":
		err = fmt.Errorf("--cache-bucket: the account %q is for all buckets: name one", name)
	case account.Anonymous:
		err = fmt.Errorf("--cache-bucket: the account %q has no credentials to write with", name)
	case !bucketPrefix.MatchString(prefix):
		err = errors.New("--cache-bucket: a prefix has letters, digits and . _ / - alone, at most 200")
	}
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return name, account, prefix, ok && err == nil, err
}

func (s *Serve) checkCacheBucket() (problems []error) {
	if _, _, _, _, err := s.SharedBucket(); err != nil && s.Buckets.findProblems() == nil {
		problems = append(problems, err)
	}
	if rules := []string{"second", "slow", "all"}; !slices.Contains(rules, s.CacheBucketAdmit) {
		problems = append(problems, fmt.Errorf("--cache-bucket-admit is %q: set it to %s", s.CacheBucketAdmit,
			strings.Join(rules, ", ")))
	}
	if p := s.CacheBucketPatience; p < 10*time.Millisecond || p > 10*time.Second {
		problems = append(problems, fmt.Errorf("--cache-bucket-patience is %s: set it to 10ms to 10s", p))
	}
	if s.CacheBucketSources && s.CacheBucket.CacheBucket == "" {
		problems = append(problems, errors.New("--cache-bucket-sources needs --cache-bucket: set it, or neither"))
	}
	return problems
}
