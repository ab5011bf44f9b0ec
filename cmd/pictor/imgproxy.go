package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/pictor-proxy/pictor/config"
)

// fromImgproxy prints a YAML file: settings, and comments on the rest.
func fromImgproxy() error {
	moved := config.FromImgproxy(os.Environ())
	if len(moved) == 0 {
		return fmt.Errorf("there is no variable of imgproxy's in this environment (IMGPROXY_…)")
	}
	for _, m := range moved {
		if m.From != "" {
			from, _, _ := strings.Cut(m.From, "\n")
			fmt.Printf("# %s", from)
			if m.Note != "" {
				fmt.Printf(": %s", m.Note)
			}
			fmt.Println()
		}
		switch {
		case m.Name == "":
		case m.Secret:
			fmt.Printf("# %s: set PICTOR_%s to the same text\n", m.Name, strings.ToUpper(strings.ReplaceAll(m.Name, "-", "_")))
		default:
			fmt.Printf("%s: %q\n", m.Name, m.Value)
		}
	}
	return nil
}
