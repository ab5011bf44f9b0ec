// Command nethttp is a bare net/http handler: it answers every request with the
// same bytes and headers, and a request that names their ETag with a 304. With a
// certificate it has TLS, and HTTP/2.
//
//	nethttp [-cert FILE -key FILE] BODY NAME VALUE …
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
)

func main() {
	cert, key := flag.String("cert", "", ""), flag.String("key", "", "")
	flag.Parse()
	args := flag.Args()
	body, err := os.ReadFile(args[0])
	if err != nil {
		panic(err)
	}
	header := http.Header{}
	for i := 1; i+1 < len(args); i += 2 {
		header.Add(args[i], args[i+1])
	}
	length, etag := []string{strconv.Itoa(len(body))}, header.Get("ETag")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := w.Header()
		for name, values := range header {
			to[name] = values
		}
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		to["Content-Length"] = length
		w.Write(body)
	})
	if *cert != "" {
		fmt.Printf("https://%s\n", listener.Addr())
		panic(http.ServeTLS(listener, handler, *cert, *key))
	}
	fmt.Printf("http://%s\n", listener.Addr())
	panic(http.Serve(listener, handler))
}
