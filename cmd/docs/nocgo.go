//go:build !cgo

package main

import "errors"

// buildPages needs libvips for its pictures.
func buildPages(string) (map[string][]byte, error) {
	return nil, errors.New("the pictures of the page are made by libvips: build with CGO_ENABLED=1")
}
