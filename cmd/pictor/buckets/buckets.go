// Package buckets opens the object stores of --accounts: S3 and what speaks like it, Google Cloud Storage and
// Azure Blob Storage. It is the only package that knows their SDKs. No error of it holds a secret, and no source
// leads a client to another host than that of the account's endpoint: redirects are not followed.
package buckets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// attempts is how often a request is sent to a store, where the first time ends without a response or in one
// such as 503.
const attempts = 2

// Open makes accounts of settings. It uses no network.
func Open(all map[string]config.Account) (accounts []origin.Account, err error) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		account := all[name]
		open, err := openStore(account)
		if err != nil {
			return nil, fmt.Errorf("--accounts: entry %q: %w", name, hideSecrets(account, err))
		}
		accounts = append(accounts, origin.Account{
			Name: name, Store: account.Store, Bucket: account.Bucket, Prefix: account.Prefix,
			Timeouts: origin.Timeouts{Timeout: account.Timeout, FirstByte: account.FirstByteTimeout},
			Open: func(ctx context.Context, o origin.Object, have origin.StoredObject) (*origin.ObjectResponse, error) {
				resp, err := open(ctx, o, have)
				return resp, hideSecrets(account, err)
			},
		})
	}
	return accounts, nil
}

// opener is Open of an origin.Account.
type opener func(ctx context.Context, object origin.Object, have origin.StoredObject) (*origin.ObjectResponse, error)

func openStore(a config.Account) (opener, error) {
	switch a.Store {
	case "s3":
		return openS3(a)
	case "gs":
		return openGS(a)
	case "abs":
		return openABS(a)
	}
	return nil, fmt.Errorf("there is no store %q", a.Store)
}

// newClient is the HTTP client of an account.
func newClient() *http.Client {
	return &http.Client{
		Transport:     origin.StoreTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// errStore is an error in the place of one of an SDK, of which it has what says what was wrong.
var errStore = errors.New("the store cannot be used")

// hideSecrets is an error without what an SDK says of requests: their URLs and headers may be signed.
func hideSecrets(a config.Account, err error) error {
	var said *origin.ObjectError
	var ofURL *url.Error
	switch {
	case err == nil, errors.As(err, &said), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &ofURL):
		err = ofURL.Err
	}
	text := err.Error()
	for _, secret := range []string{string(a.SecretAccessKey), string(a.AccountKey), string(a.Credentials)} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "(secret)")
		}
	}
	return fmt.Errorf("%w: %s", errStore, text)
}

// keptHeaders are those of an object that tell of its bytes and of how long they may be kept.
var keptHeaders = []string{"Etag", "Last-Modified", "Cache-Control", "Expires", "Content-Type", "Content-Encoding",
	"X-Amz-Meta-Cache-Tag"}

// headerOf are the headers of a response that count.
func headerOf(h http.Header) http.Header {
	kept := http.Header{}
	for _, name := range keptHeaders {
		if v, ok := h[name]; ok {
			kept[name] = v
		}
	}
	return kept
}
