package origin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Object is an object of a store: s3://BUCKET/KEY, gs://BUCKET/KEY or abs://CONTAINER/KEY.
type Object struct {
	// Store is s3, gs or abs.
	Store string
	// Bucket is a name that is a label of DNS or several; no other characters are in it than letters, digits,
	// and . - _ $.
	Bucket string
	// Key is what the store knows the object by, byte for byte.
	Key string
	// Version is the store's name for one version; "" for the newest.
	Version string
}

// AnyBucket is the Bucket of an Account for all buckets of a store.
const AnyBucket = "*"

// Account is access to objects of a store.
type Account struct {
	// Name is what log lines call the account.
	Name string
	// Store and Bucket are those of the objects, and Prefix is what their keys begin with. Of the accounts of an
	// object the one counts that names its bucket, and of these the one with the longest prefix.
	Store, Bucket, Prefix string
	// Timeouts are those of Config, as far as they are not zero.
	Timeouts Timeouts
	// Open begins to read an object, or says that it is the one that have is of. The error is ctx's, an
	// *ObjectError where the store has responded, and else a text that holds no secret. Nothing that an Object
	// says leads to another host than the operator's.
	Open func(ctx context.Context, object Object, have StoredObject) (*ObjectResponse, error)
}

// StoredObject says which object the caller has a copy of, by what the store said of it; zero for none.
type StoredObject struct {
	ETag         string
	LastModified time.Time
}

// ObjectResponse is what a store responds with.
type ObjectResponse struct {
	// Unchanged says that the object is the one that the caller has. Then there is no body.
	Unchanged bool
	// Header has ETag, Last-Modified, Cache-Control, Expires, Content-Type and Content-Encoding of the object, as
	// far as the store has them, in canonical form.
	Header http.Header
	// Size is that of the body, -1 where it is not known.
	Size int64
	// Body is read to its end, unless the fetch fails, and then closed.
	Body io.ReadCloser
}

// ObjectError is the response of a store that does not give an object.
type ObjectError struct {
	// Status is that of HTTP, Code what the store calls the error, such as NoSuchKey.
	Status int
	Code   string
}

func (e *ObjectError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", e.Status, http.StatusText(e.Status), e.Code))
}

// Timeouts are as in Config; 0 for those of the Config.
type Timeouts struct{ Timeout, FirstByte time.Duration }
