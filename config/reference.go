package config

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// Setting is the description of one setting of serve, for a page of reference.
type Setting struct {
	// Name is the flag without its dashes, and the key in the YAML file.
	Name string
	// Env is the environment variable.
	Env string
	// Group is the heading that the setting stands under; settings of a group
	// follow each other.
	Group string
	// Help is one or more sentences; Default is empty where there is none.
	Help, Default string
	// Switch says that the setting takes no value on the command line.
	Switch bool
	// Reloads says that a reload takes another value, and else only a restart.
	Reloads bool
}

// Reference lists the settings of serve in the order of its help.
func Reference() ([]Setting, error) {
	k, err := kong.New(&Serve{}, kong.NoDefaultHelp())
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	var list []Setting
	for _, flag := range k.Model.Flags {
		s := Setting{Name: flag.Name, Env: envName(flag.Name), Help: flag.Help, Default: flag.Default,
			Switch: flag.IsBool(), Reloads: reloads(flag)}
		if flag.Group != nil {
			s.Group = flag.Group.Title
		}
		list = append(list, s)
	}
	return list, nil
}
