package buckets

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"cloud.google.com/go/storage"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// gsStore is fake-gcs-server, with an account that reads all of its buckets.
type gsStore struct {
	account config.Account
	client  *storage.Client
	made    map[string]bool
}

func newGSStore(t testing.TB) *gsStore {
	t.Helper()
	store := enginetest.Run(t, "fake-gcs-server", "-scheme", "http", "-host", "{host}", "-port", "{port}",
		"-public-host", "{host}:{port}", "-filesystem-root", "{dir}", "-log-level", "error")
	account := config.Account{Store: "gs", Bucket: "*", Endpoint: "http://" + store.Address(), Anonymous: true}
	client, err := newGS(account, storage.ScopeReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	return &gsStore{account, client, map[string]bool{}}
}

// put puts an object into a bucket, which is made where there is none.
func (s *gsStore) put(t testing.TB, bucket, key, cacheControl string, body []byte) {
	t.Helper()
	if !s.made[bucket] {
		if err := s.client.Bucket(bucket).Create(t.Context(), "pictor", nil); err != nil {
			t.Fatal(err)
		}
		s.made[bucket] = true
	}
	w := s.client.Bucket(bucket).Object(key).NewWriter(t.Context())
	w.CacheControl, w.ContentType = cacheControl, "image/jpeg"
	_, err := w.Write(body)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestGS(t *testing.T) {
	store := newGSStore(t)
	testStore(t, store.account, func(bucket, key, cacheControl string, body []byte) {
		store.put(t, bucket, key, cacheControl, body)
	})
}

// What the store that the tests run does not do: conditions, denials, tokens, large objects.
func TestResponsesOfGS(t *testing.T) {
	const size = 64 << 20
	mux := http.NewServeMux()
	mux.HandleFunc("/photos/a.jpg", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		w.Header().Set("Cache-Control", "max-age=60")
		if r.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, "an image")
	})
	mux.HandleFunc("/photos/large.jpg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/secret/a.jpg", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	})
	mux.HandleFunc("/busy/a.jpg", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error": "invalid_grant"}`)
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	account := config.Account{Store: "gs", Bucket: "*", Endpoint: site.URL, Anonymous: true}
	f := fetcher(t, origin.Config{Accounts: []origin.Account{open(t, account)}})
	meta, changed, err := f.Revalidate(t.Context(), "gs://photos/a.jpg", origin.Client{},
		origin.Validators{ETag: `"one"`}, io.Discard, nil)
	if err != nil || changed || meta.TTL != time.Minute {
		t.Errorf("a 304: %+v, changed %v, %v", meta, changed, err)
	}
	testLargeObject(t, account, "gs://photos/large.jpg", size)

	account.Anonymous, account.Credentials = false, serviceAccount(t, site.URL+"/token")
	denied := fetcher(t, origin.Config{Accounts: []origin.Account{open(t, account)}})
	for source, want := range map[string]struct {
		f    *origin.Fetcher
		text string
	}{
		"gs://secret/a.jpg":      {f, "source denied: account main: 403 Forbidden"},
		"gs://busy/a.jpg":        {f, "source answered with an error: account main: 503 Service Unavailable"},
		"gs://photos/none.jpg":   {f, "source not found: account main: 404 Not Found"},
		"gs://photos/a.jpg?none": {f, "source not found: account main: 404 Not Found no such generation"},
		"gs://photos/a.jpg":      {denied, "source denied: account main: 400 Bad Request for the token of the account"},
	} {
		if _, err := want.f.Fetch(t.Context(), source, io.Discard, nil); details(err) != want.text {
			t.Errorf("%s: %s, want %s", source, details(err), want.text)
		}
	}
}

// serviceAccount is the JSON of a service account with a fresh key.
func serviceAccount(t *testing.T, tokenURL string) config.Secret {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	text, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "me@example.com",
		"private_key": string(pem.EncodeToMemory(block)), "token_uri": tokenURL})
	if err != nil {
		t.Fatal(err)
	}
	return config.Secret(text)
}
