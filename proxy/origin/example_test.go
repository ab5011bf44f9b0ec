package origin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/pictor-proxy/pictor/proxy/origin"
)

func Example() {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "an image")
	}))
	defer site.Close()

	// Addresses that are not public are refused, unless a network is allowed.
	fetcher, err := origin.New(origin.Config{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fetcher.Close()
	var body bytes.Buffer
	meta, err := fetcher.Fetch(context.Background(), site.URL+"/a.jpg", &body, func(n int64) error {
		fmt.Println("reserve", n, "bytes")
		return nil
	})
	fmt.Println(body.String(), meta.Size, meta.TTL, err)
	// Output:
	// reserve 8 bytes
	// an image 8 1m0s <nil>
}

func ExampleFetcher_Check() {
	fetcher, err := origin.New(origin.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fetcher.Close()
	fmt.Println(fetcher.Check("https://example.com/a.jpg"))
	err = fetcher.Check("s3://bucket/a.jpg")
	fmt.Println(errors.Is(err, origin.ErrSourceNotAllowed))
	// Output:
	// <nil>
	// true
}
