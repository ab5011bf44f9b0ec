//go:build !cgo

package main

import "errors"

// build needs libvips for its pictures.
func build(string) (map[string][]byte, error) {
	return nil, errors.New("the pictures of the page are made by libvips: build with CGO_ENABLED=1")
}
