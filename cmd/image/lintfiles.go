package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// lintFiles checks the Dockerfile of the working directory.
func lintFiles(args []string) error {
	flags := flag.NewFlagSet("lint", flag.ContinueOnError)
	release := flags.Bool("release", false, "refuse images without a digest")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stages, ignored, err := readFiles("Dockerfile", ".dockerignore")
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

// readFiles reads a Dockerfile and its .dockerignore.
func readFiles(file, ignore string) (stages []stage, ignored []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if stages, err = readDockerfile(f); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	text, err := os.ReadFile(ignore)
	if err != nil {
		return nil, nil, err
	}
	ignored, err = readIgnored(string(text))
	return stages, ignored, err
}
