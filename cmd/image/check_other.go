//go:build !linux

package main

import "errors"

var errLinux = errors.New("trees of Debian need Linux")

func check([]string) error { return errLinux }

func checkPackage([]string) error { return errLinux }
