package signedurl_test

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

func builder() *signedurl.Builder {
	key, _ := hex.DecodeString("943b421c9eb07c83")
	salt, _ := hex.DecodeString("520f986b998545b4")
	ring, err := signedurl.New(signedurl.Config{Pairs: []signedurl.Pair{{Key: key, Salt: salt}}})
	if err != nil {
		panic(err)
	}
	return &signedurl.Builder{Keyring: ring, Server: "https://img.example.com", Plain: true}
}

func Example() {
	fmt.Println(builder().Source("https://example.com/a.jpg").Fill(300, 200).Format(transform.WebP))
	// Output:
	// https://img.example.com/GCaBKubHQj0mC8HXdSSr9Lqxxo7U1jQDd9wHNXzKl58/rt:fill/w:300/h:200/plain/https://example.com/a.jpg@webp
}

func ExampleURL_SrcSet() {
	set, err := builder().Source("https://example.com/a.jpg").Quality(70).SrcSet(320, 640)
	fmt.Println(set, err)
	// Output:
	// https://img.example.com/w:320/lf9nm9NcJ8qSuIOvbAcsg93n6yJUuE7YLBIozVVJchE/q:70/pick:320:640/plain/https://example.com/a.jpg 320w, https://img.example.com/w:640/lf9nm9NcJ8qSuIOvbAcsg93n6yJUuE7YLBIozVVJchE/q:70/pick:320:640/plain/https://example.com/a.jpg 640w <nil>
}

func ExampleURL_ExpiresIn() {
	b := builder()
	b.Now = func() time.Time { return time.Date(2026, 11, 23, 10, 17, 0, 0, time.UTC) }
	fmt.Println(b.Source("https://example.com/a.jpg").ExpiresIn(24 * time.Hour))
	b.Now = func() time.Time { return time.Date(2026, 11, 23, 11, 59, 0, 0, time.UTC) }
	fmt.Println(b.Source("https://example.com/a.jpg").ExpiresIn(24 * time.Hour))
	// Output:
	// https://img.example.com/_9IiXQq-u01X1wuZS69tDVIH8gzJjN4eYjreUofyvHo/exp:1795521600/plain/https://example.com/a.jpg
	// https://img.example.com/_9IiXQq-u01X1wuZS69tDVIH8gzJjN4eYjreUofyvHo/exp:1795521600/plain/https://example.com/a.jpg
}

func ExampleKeyring_Verify() {
	ring := builder().Keyring
	path, err := ring.Verify("/GCaBKubHQj0mC8HXdSSr9Lqxxo7U1jQDd9wHNXzKl58" +
		"/rt:fill/w:300/h:200/plain/https://example.com/a.jpg@webp")
	fmt.Println(path, err)
	// Output:
	// /rt:fill/w:300/h:200/plain/https://example.com/a.jpg@webp <nil>
}
