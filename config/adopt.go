package config

import (
	"fmt"
	"reflect"

	"github.com/alecthomas/kong"
)

// Adopt takes those settings of next that differ, whose declarations say that a reload takes them, and that may be
// taken, by their names. It leaves the others, and gives the names of both, in the order of the help.
func (s *Serve) Adopt(next *Serve, may func(name string) bool) (taken, left []string, err error) {
	own, err := kong.New(s, kong.NoDefaultHelp())
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	other, err := kong.New(next, kong.NoDefaultHelp())
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	for i, flag := range own.Model.Flags {
		from := other.Model.Flags[i].Target
		switch {
		case reflect.DeepEqual(flag.Target.Interface(), from.Interface()):
		case reloads(flag) && may(flag.Name):
			flag.Target.Set(from)
			taken = append(taken, flag.Name)
		default:
			left = append(left, flag.Name)
		}
	}
	return taken, left, nil
}
