package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	commands := map[string]func([]string) error{"lint": lintFiles, "check": check, "deb": checkPackage, "pin": pin}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New("which command? lint, check, deb or pin")
	}
	return commands[args[0]](args[1:])
}
