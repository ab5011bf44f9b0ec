//go:build !linux

package main

import "errors"

func check([]string) error {
	return errors.New("trees of Debian need Linux")
}
