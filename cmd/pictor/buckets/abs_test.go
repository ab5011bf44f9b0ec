package buckets

import (
	"bytes"
	"io"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// absStore is Azurite, with an account that reads all of its containers.
type absStore struct {
	account config.Account
	client  *service.Client
	made    map[string]bool
}

func newABSStore(t testing.TB) *absStore {
	t.Helper()
	const name, key = "pictor", "c2VjcmV0LW9mLXRoZS1zdG9yZQ=="
	t.Setenv("AZURITE_ACCOUNTS", name+":"+key)
	store := enginetest.Run(t, "azurite-blob", "--silent", "--skipApiVersionCheck", "--blobHost", "{host}",
		"--blobPort", "{port}", "--location", "{dir}", "--disableTelemetry")
	account := config.Account{Store: "abs", Bucket: "*", Endpoint: "http://" + store.Address() + "/" + name,
		AccountName: name, AccountKey: key}
	client, err := newABS(account)
	if err != nil {
		t.Fatal(err)
	}
	return &absStore{account, client, map[string]bool{}}
}

// put puts an object into a container, which is made where there is none.
func (s *absStore) put(t testing.TB, bucket, key, cacheControl string, body []byte) {
	t.Helper()
	container := s.client.NewContainerClient(bucket)
	if !s.made[bucket] {
		if _, err := container.Create(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.made[bucket] = true
	}
	kind := "image/jpeg"
	headers := &blob.HTTPHeaders{BlobContentType: &kind, BlobCacheControl: &cacheControl}
	_, err := container.NewBlockBlobClient(key).UploadStream(t.Context(), bytes.NewReader(body),
		&blockblob.UploadStreamOptions{HTTPHeaders: headers})
	if err != nil {
		t.Fatal(err)
	}
}

func TestABS(t *testing.T) {
	store := newABSStore(t)
	testStore(t, store.account, func(bucket, key, cacheControl string, body []byte) {
		store.put(t, bucket, key, cacheControl, body)
	})
	const size = 64 << 20
	store.put(t, "photos", "large.jpg", "", make([]byte, size))
	testLargeObject(t, store.account, "abs://photos/large.jpg", size)
	account := store.account
	account.AccountKey = "YW5vdGhlci1rZXk="
	f := fetcher(t, origin.Config{Accounts: []origin.Account{open(t, account)}})
	_, err := f.Fetch(t.Context(), "abs://photos/a.jpg", io.Discard, nil)
	if want := "source denied: account main: 403 Forbidden AuthorizationFailure"; details(err) != want {
		t.Errorf("%s, want %s", details(err), want)
	}
}
