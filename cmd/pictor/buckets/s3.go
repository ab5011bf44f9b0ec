package buckets

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// defaultRegion is for stores that know no regions, and where neither the account nor the environment names one.
const defaultRegion = "us-east-1"

// openS3 opens an account of S3.
func openS3(a config.Account) (opener, error) {
	client, err := newS3(a)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, o origin.Object, have origin.StoredObject) (*origin.ObjectResponse, error) {
		return readS3(ctx, client, o, have)
	}, nil
}

// newS3 is a client of an account. Without keys it takes the credentials of AWS's default chain: environment,
// shared files, container and instance roles.
func newS3(a config.Account) (*s3.Client, error) {
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithLogger(logging.Nop{}),
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = attempts, 200*time.Millisecond
			})
		}),
	}
	if a.Region != "" {
		options = append(options, awsconfig.WithRegion(a.Region))
	}
	switch {
	case a.Anonymous:
		options = append(options, awsconfig.WithCredentialsProvider(aws.AnonymousCredentials{}))
	case a.AccessKeyID != "":
		options = append(options, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(a.AccessKeyID, string(a.SecretAccessKey), "")))
	}
	cfg, err := awsconfig.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return nil, err
	}
	cfg.HTTPClient = withTrust(newClient(), cfg.HTTPClient)
	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.DisableLogOutputChecksumValidationSkipped = true
		o.UsePathStyle = a.Endpoint != ""
		if a.Endpoint != "" {
			o.BaseEndpoint = aws.String(a.Endpoint)
		}
		if style := strings.ToLower(a.PathStyle); style == "true" || style == "false" {
			o.UsePathStyle = style == "true"
		}
	}), nil
}

// withTrust makes a client trust the certificates that the SDK's own client does: AWS_CA_BUNDLE may name some.
func withTrust(client *http.Client, sdk aws.HTTPClient) *http.Client {
	own, ok := client.Transport.(*http.Transport)
	if theirs, is := sdk.(*awshttp.BuildableClient); is && ok {
		if settings := theirs.GetTransport().TLSClientConfig; settings != nil {
			own.TLSClientConfig = &tls.Config{RootCAs: settings.RootCAs, MinVersion: tls.VersionTLS12}
		}
	}
	return client
}

// readS3 begins to read an object.
func readS3(ctx context.Context, client *s3.Client, o origin.Object, have origin.StoredObject,
) (*origin.ObjectResponse, error) {
	bucket, err := s3blob.OpenBucket(ctx, client, o.Bucket, nil)
	if err != nil {
		return nil, err
	}
	r, err := bucket.NewReader(ctx, o.Key, &blob.ReaderOptions{BeforeRead: func(as func(any) bool) error {
		var in *s3.GetObjectInput
		if !as(&in) {
			return nil
		}
		in.Key = aws.String(o.Key) // the portable key is another one where it has characters that are escaped
		if o.Version != "" {
			in.VersionId = aws.String(o.Version)
		}
		switch {
		case have.ETag != "":
			in.IfNoneMatch = aws.String(have.ETag)
		case !have.LastModified.IsZero():
			in.IfModifiedSince = aws.Time(have.LastModified)
		}
		return nil
	}})
	if err != nil {
		return readS3Error(bucket, err)
	}
	var out s3.GetObjectOutput
	resp := &origin.ObjectResponse{Header: http.Header{}, Size: -1, Body: r}
	if r.As(&out) && out.ContentLength != nil {
		resp.Size = *out.ContentLength
	}
	if raw, ok := middleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok {
		resp.Header = headerOf(raw.Header)
	}
	return resp, nil
}

// readS3Error is what a request that failed comes to: a 304 is one to the SDK.
func readS3Error(bucket *blob.Bucket, err error) (*origin.ObjectResponse, error) {
	var response *awshttp.ResponseError
	if !bucket.ErrorAs(err, &response) || response.HTTPStatusCode() == 0 {
		return nil, err
	}
	if response.HTTPStatusCode() == http.StatusNotModified {
		return &origin.ObjectResponse{Unchanged: true, Header: headerOf(response.HTTPResponse().Header)}, nil
	}
	said := &origin.ObjectError{Status: response.HTTPStatusCode()}
	var api smithy.APIError
	if bucket.ErrorAs(err, &api) {
		said.Code = api.ErrorCode()
	}
	return nil, said
}
