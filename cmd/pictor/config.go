package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"github.com/pictor-proxy/pictor/config"
)

// effective is config.Serve without its Validate, which kong would call first:
// settings that are not enough to serve with are shown all the same.
type effective config.Serve

// configCmd prints the settings that serve would have.
type configCmd struct {
	effective `embed:""`

	FromImgproxy bool `help:"Print imgproxy's variables of this environment (IMGPROXY_*) as settings of pictor's YAML file, and what differs."`
}

func (cmd *configCmd) Run(ctx *kong.Context, origins config.Origins) error {
	if cmd.FromImgproxy {
		return fromImgproxy()
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, flag := range ctx.Flags() {
		if flag.Name == "help" || flag.Name == "version" || flag.Name == "from-imgproxy" || flag.Hidden {
			continue
		}
		from := origins.Of(flag.Name)
		text := fmt.Sprint(ctx.FlagValue(flag))
		if from == "default" && (text == "" || text == "0" || text == "false") {
			text = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", flag.Name, text, from)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return (*config.Serve)(&cmd.effective).Validate()
}

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
