package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	commands := map[string]func([]string) error{"lint": lintFiles, "check": check, "pin": pin}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New("which command? lint, check or pin")
	}
	return commands[args[0]](args[1:])
}

// lintFiles checks the Dockerfile of the working directory.
func lintFiles(args []string) error {
	flags := flag.NewFlagSet("lint", flag.ContinueOnError)
	release := flags.Bool("release", false, "refuse images without a digest")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stages, ignored, err := readFiles()
	if err != nil {
		return err
	}
	found := findFaults(stages, os.DirFS("."), ignored)
	if *release {
		for _, base := range unpinnedImages(stages) {
			found = append(found, base+" has no digest: run image pin")
		}
	}
	if len(found) > 0 {
		return errors.New("Dockerfile: " + strings.Join(found, "\nimage: Dockerfile: "))
	}
	return nil
}

// readFiles reads the Dockerfile and the .dockerignore of the working directory.
func readFiles() (stages []stage, ignored []string, err error) {
	f, err := os.Open("Dockerfile")
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if stages, err = readDockerfile(f); err != nil {
		return nil, nil, fmt.Errorf("Dockerfile: %w", err)
	}
	text, err := os.ReadFile(".dockerignore")
	if err != nil {
		return nil, nil, err
	}
	ignored, err = readIgnored(string(text))
	return stages, ignored, err
}
