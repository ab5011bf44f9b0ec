package buckets

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// openABS opens an account of Azure Blob Storage.
func openABS(a config.Account) (opener, error) {
	client, err := newABS(a)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, o origin.Object, have origin.StoredObject) (*origin.ObjectResponse, error) {
		return readABS(ctx, client, o, have)
	}, nil
}

// newABS is a client of an account. It uses no network. Without a key it takes AZURE_STORAGE_KEY, or Azure's
// default credentials: environment, workload and managed identity, az.
func newABS(a config.Account) (*service.Client, error) {
	name := cmp.Or(a.AccountName, os.Getenv("AZURE_STORAGE_ACCOUNT"))
	endpoint := a.Endpoint
	if endpoint == "" && name == "" {
		return nil, errors.New("account-name or endpoint is missing")
	} else if endpoint == "" {
		endpoint = "https://" + name + ".blob.core.windows.net/"
	}
	options := &service.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: newExchangeClient(),
		Retry: policy.RetryOptions{MaxRetries: attempts - 1, RetryDelay: 100 * time.Millisecond,
			MaxRetryDelay: 200 * time.Millisecond},
	}}
	key := cmp.Or(string(a.AccountKey), os.Getenv("AZURE_STORAGE_KEY"))
	switch {
	case a.Anonymous:
		return service.NewClientWithNoCredential(endpoint, options)
	case key != "" && name != "":
		shared, err := service.NewSharedKeyCredential(name, key)
		if err != nil {
			return nil, errors.New("the key of the storage account is not base64")
		}
		return service.NewClientWithSharedKeyCredential(endpoint, shared, options)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return service.NewClient(endpoint, credential, options)
}

// readABS begins to read an object. It uses the SDK without gocloud's driver: that one stops the process at a 304
// and at an object without Last-Modified, knows no versions, and asks for another key where one has characters
// such as % and #.
func readABS(ctx context.Context, client *service.Client, o origin.Object, have origin.StoredObject,
) (*origin.ObjectResponse, error) {
	object := client.NewContainerClient(o.Bucket).NewBlobClient(o.Key)
	if o.Version != "" {
		version, err := object.WithVersionID(o.Version)
		if err != nil {
			return nil, err
		}
		object = version
	}
	options := &blob.DownloadStreamOptions{}
	if have.ETag != "" {
		etag := azcore.ETag(have.ETag)
		options.AccessConditions = &blob.AccessConditions{
			ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &etag}}
	}
	x := &exchange{}
	r, err := object.DownloadStream(context.WithValue(ctx, exchangeKey{}, x), options)
	var response *azcore.ResponseError
	switch {
	case err == nil && x.status == http.StatusNotModified:
		if r.Body != nil {
			r.Body.Close()
		}
		return &origin.ObjectResponse{Unchanged: true, Header: x.header}, nil
	case err == nil:
		return &origin.ObjectResponse{Header: x.header, Size: x.size, Body: r.Body}, nil
	case errors.As(err, &response):
		return nil, &origin.ObjectError{Status: response.StatusCode, Code: response.ErrorCode}
	}
	return nil, err
}
