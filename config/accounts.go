package config

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Buckets is the setting that gives access to buckets.
type Buckets struct {
	Accounts Table `help:"Accounts of object stores, by names of your own: which bucket is read with which credentials. A mapping in the YAML file, see docs/sources.md." placeholder:"{NAME: {store: s3, bucket: BUCKET}}" group:"Sources" reload:"yes"`
}

// Account is access to the objects of a bucket, or of all buckets of a store.
type Account struct {
	// Store is s3, gs or abs.
	Store string `yaml:"store"`
	// Bucket is the name of one, or * for all that the credentials can read. Keys begin with Prefix.
	Bucket string `yaml:"bucket"`
	Prefix string `yaml:"prefix"`
	// Endpoint is the URL of the store; "" for the cloud's own. Region and PathStyle are of S3; PathStyle is auto,
	// true or false, and auto is true with an Endpoint.
	Endpoint  string `yaml:"endpoint"`
	Region    string `yaml:"region"`
	PathStyle string `yaml:"path-style"`
	// AccessKeyID and SecretAccessKey are S3's credentials.
	AccessKeyID     string `yaml:"access-key-id"`
	SecretAccessKey Secret `yaml:"secret-access-key"`
	// AccountName and AccountKey are Azure's, the key in base64.
	AccountName string `yaml:"account-name"`
	AccountKey  Secret `yaml:"account-key"`
	// Credentials is the JSON of a Google Cloud service account.
	Credentials Secret `yaml:"credentials"`
	// Anonymous sends no credentials, for public buckets.
	Anonymous bool `yaml:"anonymous"`
	// Timeout and FirstByteTimeout are in the place of --fetch-timeout and --fetch-first-byte-timeout; 0 for these.
	Timeout          time.Duration `yaml:"timeout"`
	FirstByteTimeout time.Duration `yaml:"first-byte-timeout"`
}

// AccountList are the accounts, by their names. The error joins everything that is wrong with them.
func (b *Buckets) AccountList() (map[string]Account, error) {
	all, err := readTable[Account]("--accounts", b.Accounts)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		account := all[name]
		for _, problem := range account.findProblems() {
			problems = append(problems, fmt.Errorf("--accounts: entry %q: %w", name, problem))
		}
	}
	return all, errors.Join(problems...)
}

func (b *Buckets) findProblems() []error {
	if _, err := b.AccountList(); err != nil {
		return []error{err}
	}
	return nil
}

// fieldsOf are the fields that only one store has.
var fieldsOf = map[string][]string{
	"s3": {"region", "path-style", "access-key-id", "secret-access-key"}, "gs": {"credentials"},
	"abs": {"account-name", "account-key"},
}

func (a *Account) findProblems() (problems []error) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if _, ok := fieldsOf[a.Store]; !ok {
		add("store is %q: set it to s3, gs or abs", a.Store)
		return problems
	}
	if a.Bucket == "" {
		add("bucket is missing: name one, or * for all that the credentials can read")
	}
	set := map[string]bool{
		"region": a.Region != "", "path-style": a.PathStyle != "", "access-key-id": a.AccessKeyID != "",
		"secret-access-key": a.SecretAccessKey != "", "credentials": a.Credentials != "",
		"account-name": a.AccountName != "", "account-key": a.AccountKey != "",
	}
	for _, store := range slices.Sorted(maps.Keys(fieldsOf)) {
		for _, field := range fieldsOf[store] {
			if set[field] && store != a.Store {
				add("%s is not for the store %s", field, a.Store)
			}
		}
	}
	switch {
	case a.Anonymous && (a.AccessKeyID != "" || a.SecretAccessKey+a.Credentials+a.AccountKey != ""):
		add("anonymous is true, and there are credentials: keep one")
	case (a.AccessKeyID == "") != (a.SecretAccessKey == ""):
		add("access-key-id and secret-access-key need each other")
	case a.AccountKey != "" && a.AccountName == "":
		add("account-key needs account-name")
	}
	if err := a.checkForms(); err != nil {
		problems = append(problems, err)
	}
	if a.Timeout < 0 || a.FirstByteTimeout < 0 {
		add("timeout and first-byte-timeout must be more than 0, like 5s")
	}
	return problems
}

// checkForms looks at the texts of fields. No error shows a secret.
func (a *Account) checkForms() error {
	if u, err := url.Parse(a.Endpoint); a.Endpoint != "" && (err != nil || u.Host == "" || u.User != nil ||
		u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "") {
		return errors.New("endpoint must be a URL like https://s3.example.com, without a user, a password and a query")
	}
	if !slices.Contains([]string{"", "auto", "true", "false"}, strings.ToLower(a.PathStyle)) {
		return fmt.Errorf("path-style is %q: set it to auto, true or false", a.PathStyle)
	}
	if strings.Trim(a.AccountName, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return fmt.Errorf("account-name is %q: it has lower-case letters and digits alone", a.AccountName)
	}
	if _, err := base64.StdEncoding.DecodeString(string(a.AccountKey)); err != nil {
		return errors.New("account-key is not base64: copy all of it")
	}
	if a.Credentials != "" && !json.Valid([]byte(a.Credentials)) {
		return errors.New("credentials are not JSON: name the file of the service account as credentials-file")
	}
	return nil
}
