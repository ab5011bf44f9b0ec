// Command nethttp is a bare net/http handler: it answers every request with the
// same bytes and headers, and a request that names their ETag with a 304.
//
//	nethttp BODY NAME VALUE …
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
)

func main() {
	body, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	header := http.Header{}
	for i := 2; i+1 < len(os.Args); i += 2 {
		header.Add(os.Args[i], os.Args[i+1])
	}
	length, etag := []string{strconv.Itoa(len(body))}, header.Get("ETag")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	})))
}
