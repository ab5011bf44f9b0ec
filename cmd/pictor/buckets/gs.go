package buckets

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// tokenTimeout bounds a request for a token, which has no context of a fetch.
const tokenTimeout = 10 * time.Second

// openGS opens an account of Google Cloud Storage.
func openGS(a config.Account) (opener, error) {
	client, err := newGS(a, storage.ScopeReadOnly)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, o origin.Object, have origin.StoredObject) (*origin.ObjectResponse, error) {
		return readGS(ctx, client, o, have)
	}, nil
}

// newGS is a client of an account. It uses no network. Without a service account it takes Google's default
// credentials: GOOGLE_APPLICATION_CREDENTIALS, those of gcloud, of the instance or the pod.
func newGS(a config.Account, scope string) (*storage.Client, error) {
	client := newExchangeClient()
	if !a.Anonymous {
		tokens, err := googleTokens(string(a.Credentials), scope)
		if err != nil {
			return nil, err
		}
		client.Transport = &oauth2.Transport{Source: tokens, Base: client.Transport}
	}
	options := []option.ClientOption{option.WithHTTPClient(client), storage.WithXMLReads()}
	if a.Endpoint != "" {
		u, err := url.Parse(a.Endpoint)
		if err != nil {
			return nil, err
		}
		if strings.Trim(u.Path, "/") == "" {
			u.Path = "/storage/v1/"
		}
		options = append(options, option.WithEndpoint(u.String()))
	}
	gs, err := storage.NewClient(context.Background(), options...)
	if err != nil {
		return nil, err
	}
	gs.SetRetry(storage.WithMaxAttempts(attempts),
		storage.WithBackoff(gax.Backoff{Initial: 100 * time.Millisecond, Max: 200 * time.Millisecond}))
	return gs, nil
}

// googleTokens are tokens for a service account; for "" those of the default credentials.
func googleTokens(serviceAccount, scope string) (oauth2.TokenSource, error) {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: tokenTimeout})
	if serviceAccount == "" {
		return &defaultTokens{ctx: ctx, scope: scope}, nil
	}
	cfg, err := google.JWTConfigFromJSON([]byte(serviceAccount), scope)
	if err != nil {
		return nil, errors.New("credentials are not the key of a service account, as Google Cloud gives it (JSON)")
	}
	return oauth2.ReuseTokenSource(nil, cfg.TokenSource(ctx)), nil
}

// defaultTokens looks for the default credentials when they are needed: that may take requests.
type defaultTokens struct {
	ctx   context.Context
	scope string
	mu    sync.Mutex
	found oauth2.TokenSource
}

// Token implements oauth2.TokenSource.
func (d *defaultTokens) Token() (*oauth2.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found == nil {
		credentials, err := google.FindDefaultCredentials(d.ctx, d.scope)
		if err != nil {
			return nil, err
		}
		d.found = credentials.TokenSource
	}
	return d.found.Token()
}

// readGS begins to read an object.
func readGS(ctx context.Context, client *storage.Client, o origin.Object, have origin.StoredObject,
) (*origin.ObjectResponse, error) {
	object := client.Bucket(o.Bucket).Object(o.Key).ReadCompressed(true) // whoever fetches undoes the coding
	if o.Version != "" {
		generation, err := strconv.ParseInt(o.Version, 10, 64)
		if err != nil || generation <= 0 {
			return nil, &origin.ObjectError{Status: http.StatusNotFound, Code: "no such generation"}
		}
		object = object.Generation(generation)
	}
	bucket, err := gcsblob.OpenBucket(ctx, nil, o.Bucket, &gcsblob.Options{Client: client})
	if err != nil {
		return nil, err
	}
	x := &exchange{ifNoneMatch: have.ETag}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	r, err := bucket.NewReader(ctx, o.Key, &blob.ReaderOptions{BeforeRead: func(as func(any) bool) error {
		var handle **storage.ObjectHandle
		if as(&handle) {
			*handle = object // the portable key is another one where it has characters that are escaped
		}
		return nil
	}})
	if err != nil {
		return readGSError(x, err)
	}
	resp := &origin.ObjectResponse{Header: x.header, Size: x.size, Body: r}
	if have.ETag != "" && x.header.Get("Etag") == have.ETag { // a store that takes no notice of conditions
		resp.Unchanged = true
		return resp, r.Close()
	}
	return resp, nil
}

// readGSError is what a request that failed comes to: a 304 is one to the SDK.
func readGSError(x *exchange, err error) (*origin.ObjectResponse, error) {
	var api *googleapi.Error
	var token *oauth2.RetrieveError
	switch {
	case errors.As(err, &api) && api.Code == http.StatusNotModified:
		return &origin.ObjectResponse{Unchanged: true, Header: x.header}, nil
	case errors.As(err, &api):
		said := &origin.ObjectError{Status: api.Code}
		if len(api.Errors) > 0 {
			said.Code = api.Errors[0].Reason
		}
		return nil, said
	case errors.Is(err, storage.ErrObjectNotExist), errors.Is(err, storage.ErrBucketNotExist):
		return nil, &origin.ObjectError{Status: http.StatusNotFound}
	case errors.As(err, &token) && token.Response != nil:
		return nil, &origin.ObjectError{Status: token.Response.StatusCode, Code: "for the token of the account"}
	}
	return nil, err
}
