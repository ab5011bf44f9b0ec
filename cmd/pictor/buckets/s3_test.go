package buckets

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// s3Store is versitygw, with an account that reads all of its buckets.
type s3Store struct {
	account config.Account
	client  *s3.Client
	// dir has a folder for each bucket, and a file for each object.
	dir  string
	made map[string]bool
}

func newS3Store(t testing.TB) *s3Store {
	t.Helper()
	const id, secret = "AKIDPICTOR", "secret-of-the-store"
	dir := t.TempDir()
	store := enginetest.Run(t, "versitygw", "--quiet", "--access", id, "--secret", secret, "--port", "{host}:{port}",
		"posix", "--versioning-dir", t.TempDir(), dir)
	account := config.Account{Store: "s3", Bucket: "*", Endpoint: "http://" + store.Address(), AccessKeyID: id,
		SecretAccessKey: secret}
	client, err := newS3(account)
	if err != nil {
		t.Fatal(err)
	}
	return &s3Store{account, client, dir, map[string]bool{}}
}

func (s *s3Store) makeBucket(t testing.TB, bucket string) {
	t.Helper()
	if s.made[bucket] {
		return
	}
	if _, err := s.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	s.made[bucket] = true
}

// put puts an object into a bucket, which is made where there is none.
func (s *s3Store) put(t testing.TB, bucket, key, cacheControl string, body []byte) (version string) {
	t.Helper()
	s.makeBucket(t, bucket)
	in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body),
		ContentType: aws.String("image/jpeg")}
	if cacheControl != "" {
		in.CacheControl = &cacheControl
	}
	out, err := s.client.PutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.VersionId)
}

func TestS3(t *testing.T) {
	store := newS3Store(t)
	testStore(t, store.account, func(bucket, key, cacheControl string, body []byte) {
		store.put(t, bucket, key, cacheControl, body)
	})
	account := store.account
	account.SecretAccessKey = "another-secret"
	f := fetcher(t, origin.Config{Accounts: []origin.Account{open(t, account)}})
	_, err := f.Fetch(context.Background(), "s3://photos/a.jpg", io.Discard, nil)
	if want := "source denied: account main: 403 Forbidden SignatureDoesNotMatch"; details(err) != want {
		t.Errorf("%s, want %s", details(err), want)
	}
}

func TestVersionsOfS3(t *testing.T) {
	store := newS3Store(t)
	store.makeBucket(t, "photos")
	on := &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}
	if _, err := store.client.PutBucketVersioning(t.Context(),
		&s3.PutBucketVersioningInput{Bucket: aws.String("photos"), VersioningConfiguration: on}); err != nil {
		t.Fatal(err)
	}
	first := store.put(t, "photos", "a.jpg", "", []byte("first"))
	second := store.put(t, "photos", "a.jpg", "", []byte("second"))
	f := fetcher(t, origin.Config{Accounts: []origin.Account{open(t, store.account)}})
	for source, want := range map[string]string{
		"s3://photos/a.jpg?" + first: "first", "s3://photos/a.jpg?versionId=" + first: "first",
		"s3://photos/a.jpg?" + second: "second", "s3://photos/a.jpg": "second"} {
		var body bytes.Buffer
		if _, err := f.Fetch(t.Context(), source, &body, nil); err != nil || body.String() != want {
			t.Errorf("%s: %q, %v", source, body.String(), err)
		}
	}
}

// A large object goes through in pieces.
func TestLargeObjectOfS3(t *testing.T) {
	store := newS3Store(t)
	store.makeBucket(t, "photos")
	if err := os.WriteFile(filepath.Join(store.dir, "photos", "large.jpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20
	if err := os.Truncate(filepath.Join(store.dir, "photos", "large.jpg"), size); err != nil {
		t.Fatal(err)
	}
	testLargeObject(t, store.account, "s3://photos/large.jpg", size)
}
