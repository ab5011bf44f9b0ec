package config

import (
	"strings"
	"testing"
	"time"
)

func TestAccounts(t *testing.T) {
	s, err := Load([]byte(`
insecure: true
accounts:
  main: {store: s3, bucket: photos, prefix: cats/, endpoint: "https://s3.example.com", region: eu-west-1, path-style: true,
    access-key-id: ID, secret-access-key: hush, timeout: 3s, first-byte-timeout: 1s}
  public:
    store: gs
    bucket: "*"
    anonymous: true
  azure: {store: abs, bucket: pictures, account-name: me, account-key: aHVzaA==}
`))
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.AccountList()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Account{
		"main": {Store: "s3", Bucket: "photos", Prefix: "cats/", Endpoint: "https://s3.example.com",
			Region: "eu-west-1", PathStyle: "true", AccessKeyID: "ID", SecretAccessKey: "hush",
			Timeout: 3 * time.Second, FirstByteTimeout: time.Second},
		"public": {Store: "gs", Bucket: "*", Anonymous: true},
		"azure":  {Store: "abs", Bucket: "pictures", AccountName: "me", AccountKey: "aHVzaA=="},
	}
	if len(all) != len(want) {
		t.Errorf("%v", all)
	}
	for name, account := range want {
		if all[name] != account {
			t.Errorf("%s is %+v", name, all[name])
		}
	}
}

func TestAccountsThatMakeNoSense(t *testing.T) {
	for text, want := range map[string]string{
		"a: {bucket: b}":   `--accounts: entry "a": store is "": set it to s3, gs or abs`,
		"a: {store: file}": `store is "file"`,
		"a: {store: s3}":   "bucket is missing: name one, or *",
		"a: {store: s3, bucket: b, credentials: '{}'}":                                          "credentials is not for the store s3",
		"a: {store: gs, bucket: b, region: x}":                                                  "region is not for the store gs",
		"a: {store: s3, bucket: b, access-key-id: x}":                                           "access-key-id and secret-access-key need each other",
		"a: {store: s3, bucket: b, secret-access-key: hush}":                                    "access-key-id and secret-access-key need each other",
		"a: {store: s3, bucket: b, anonymous: true, access-key-id: x, secret-access-key: hush}": "keep one",
		"a: {store: abs, bucket: b, account-key: aHVzaA==}":                                     "account-key needs account-name",
		"a: {store: abs, bucket: b, account-name: x, account-key: hush!}":                       "account-key is not base64",
		"a: {store: gs, bucket: b, credentials: /hush/key.json}":                                "credentials are not JSON",
		"a: {store: s3, bucket: b, endpoint: 's3.example.com'}":                                 "endpoint must be a URL",
		"a: {store: s3, bucket: b, endpoint: 'https://hush:hush@s3.example.com'}":               "endpoint must be a URL",
		"a: {store: s3, bucket: b, path-style: yes please}":                                     `path-style is "yes please"`,
		"a: {store: s3, bucket: b, timeout: -1s}":                                               "must be more than 0",
	} {
		_, err := (&Buckets{Accounts: Table(text)}).AccountList()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
