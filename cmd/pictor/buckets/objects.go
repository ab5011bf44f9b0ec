package buckets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"google.golang.org/api/googleapi"

	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// Objects are those of an account's bucket whose keys begin with a prefix. Writes go to the SDKs: the portable
// writers keep copies of parts, which no budget counts.
type Objects struct {
	account config.Account
	prefix  string
	read    opener
	write   func(ctx context.Context, key string, content *io.SectionReader, create bool) error
	remove  func(ctx context.Context, key string) error
	creation
}

// OpenObjects gives the objects of an account's bucket whose keys begin with the account's prefix and another one, to
// be written, too. It uses no network. log, unless nil, is told of a store that lacks something.
func OpenObjects(name string, a config.Account, prefix string, log *slog.Logger) (*Objects, error) {
	o := &Objects{account: a, prefix: a.Prefix + prefix, creation: creation{log: log}}
	var err error
	switch a.Store {
	case "s3":
		err = o.useS3()
	case "gs":
		err = o.useGS()
	case "abs":
		err = o.useABS()
	default:
		err = fmt.Errorf("there is no store %q", a.Store)
	}
	if err != nil {
		return nil, fmt.Errorf("--accounts: entry %q: %w", name, hideSecrets(a, err))
	}
	return o, nil
}

// Open implements objectstore.Objects.
func (o *Objects) Open(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	resp, err := o.read(ctx, origin.Object{Store: o.account.Store, Bucket: o.account.Bucket, Key: o.prefix + name},
		origin.StoredObject{})
	var said *origin.ObjectError
	switch {
	case errors.As(err, &said) && said.Status == http.StatusNotFound:
		return nil, 0, objectstore.ErrNone
	case err != nil:
		return nil, 0, hideSecrets(o.account, err)
	}
	return resp.Body, resp.Size, nil
}

// Write implements objectstore.Objects.
func (o *Objects) Write(ctx context.Context, name string, content *io.SectionReader, create bool) error {
	create = create && !o.unconditional.Load()
	err := o.write(ctx, o.prefix+name, content, create)
	if create && err != nil {
		switch statusOf(err) {
		case http.StatusPreconditionFailed, http.StatusConflict:
			return objectstore.ErrExists
		case http.StatusNotImplemented, http.StatusBadRequest:
			err = o.writeAnyhow(ctx, o.prefix+name, content)
		}
	}
	return hideSecrets(o.account, err)
}

// Remove implements objectstore.Objects.
func (o *Objects) Remove(ctx context.Context, name string) error {
	err := o.remove(ctx, o.prefix+name)
	if statusOf(err) == http.StatusNotFound || errors.Is(err, storage.ErrObjectNotExist) {
		return nil
	}
	return hideSecrets(o.account, err)
}

// statusOf is the status that a store responded with; 0 for none.
func statusOf(err error) int {
	var ofS3 *awshttp.ResponseError
	var ofGS *googleapi.Error
	var ofABS *azcore.ResponseError
	switch {
	case errors.As(err, &ofS3):
		return ofS3.HTTPStatusCode()
	case errors.As(err, &ofGS):
		return ofGS.Code
	case errors.As(err, &ofABS):
		return ofABS.StatusCode
	}
	return 0
}

// recordType is the content type of the objects.
const recordType = "application/octet-stream"

func (o *Objects) useS3() error {
	client, err := newS3(o.account)
	if err != nil {
		return err
	}
	bucket := aws.String(o.account.Bucket)
	// Records have checksums of their own, and stores that only speak like S3 do not all know the new ones.
	plain := func(s *s3.Options) { s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired }
	o.read = func(ctx context.Context, in origin.Object, have origin.StoredObject) (*origin.ObjectResponse, error) {
		return readS3(ctx, client, in, have)
	}
	o.write = func(ctx context.Context, key string, content *io.SectionReader, create bool) error {
		in := &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: content, ContentLength: aws.Int64(content.Size()),
			ContentType: aws.String(recordType)}
		if create {
			in.IfNoneMatch = aws.String("*")
		}
		_, err := client.PutObject(ctx, in, plain)
		return err
	}
	o.remove = func(ctx context.Context, key string) error {
		_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: &key}, plain)
		return err
	}
	return nil
}

func (o *Objects) useGS() error {
	client, err := newGS(o.account, storage.ScopeReadWrite)
	if err != nil {
		return err
	}
	bucket := client.Bucket(o.account.Bucket)
	o.read = func(ctx context.Context, in origin.Object, have origin.StoredObject) (*origin.ObjectResponse, error) {
		return readGS(ctx, client, in, have)
	}
	o.write = func(ctx context.Context, key string, content *io.SectionReader, create bool) error {
		object := bucket.Object(key)
		if create {
			object = object.If(storage.Conditions{DoesNotExist: true})
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // an object whose writer was not closed is not there
		w := object.NewWriter(ctx)
		w.ContentType, w.ChunkSize = recordType, 0
		if _, err := io.Copy(w, content); err != nil {
			return err
		}
		return w.Close()
	}
	o.remove = func(ctx context.Context, key string) error { return bucket.Object(key).Delete(ctx) }
	return nil
}

func (o *Objects) useABS() error {
	client, err := newABS(o.account)
	if err != nil {
		return err
	}
	container := client.NewContainerClient(o.account.Bucket)
	o.read = func(ctx context.Context, in origin.Object, have origin.StoredObject) (*origin.ObjectResponse, error) {
		return readABS(ctx, client, in, have)
	}
	o.write = func(ctx context.Context, key string, content *io.SectionReader, create bool) error {
		options := &blockblob.UploadOptions{HTTPHeaders: &blob.HTTPHeaders{BlobContentType: aws.String(recordType)}}
		if create {
			none := azcore.ETagAny
			options.AccessConditions = &blob.AccessConditions{
				ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &none}}
		}
		_, err := container.NewBlockBlobClient(key).Upload(ctx, streaming.NopCloser(content), options)
		return err
	}
	o.remove = func(ctx context.Context, key string) error {
		_, err := container.NewBlobClient(key).Delete(ctx, nil)
		return err
	}
	return nil
}
