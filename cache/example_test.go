package cache_test

import (
	"context"
	"fmt"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

func Example() {
	results, err := cache.New(cache.Config{MaxBytes: 16 << 20})
	if err != nil {
		panic(err)
	}
	defer results.Close()

	const key = "rs:fill:300:200/https://www.example.com/picture.jpg"
	fill := func(_ context.Context, commit func() error, _ *cache.Entry) (*cache.Entry, error) {
		// Here the source is fetched. Before the dear part of the work, the fill makes sure that a client still waits.
		if err := commit(); err != nil {
			return nil, err
		}
		body := []byte("the picture")
		return &cache.Entry{
			Key: key, Body: body, ContentType: "image/webp", ETag: cache.ETag(body), Expires: time.Now().Add(time.Hour),
		}, nil
	}
	for range 2 {
		entry, outcome, err := results.Get(context.Background(), key, fill)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s\n", outcome, entry.Body)
		entry.Close()
	}
	// Output:
	// miss: the picture
	// hit: the picture
}
