package signedurl

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// ErrScope: a path names an option or a preset that is out of its scope.
var ErrScope = errors.New("not allowed")

// Scope is what paths may name. Presets may have other options in them, and the preset called default is
// applied in any case.
type Scope struct {
	// Options are by any of their names; nil for all. An extension is the option format. The option
	// expires, which takes rights away, is always allowed. InfoMark stands for all paths of facts.
	Options []string
	// Presets are names of presets; nil for all, if Options allow the option preset.
	Presets []string
}

// scope is a Scope, of which options has long names.
type scope struct{ options, presets []string }

// Within is the dialect that reads paths of a scope: for all others its errors wrap ErrScope.
func (d *Dialect) Within(s Scope) (*Dialect, error) {
	own := &scope{presets: s.Presets}
	if s.Options != nil {
		own.options = []string{expiresOption.Names[0]}
	}
	for _, name := range s.Options {
		long := longName(name)
		if name == InfoMark {
			long = InfoMark
		}
		if long == "" {
			return nil, fmt.Errorf("there is no option %s to allow", transform.Quote(name))
		}
		own.options = append(own.options, long)
	}
	if s.Presets != nil && s.Options != nil {
		own.options = append(own.options, presetUsage.Names[0])
	}
	for _, name := range s.Presets {
		if _, ok := d.cfg.Presets[name]; !ok {
			return nil, fmt.Errorf("there is no preset %s to allow", transform.Quote(name))
		}
	}
	limited := *d
	limited.scope = own
	return &limited, nil
}

// longName is the first name of an option; "" where there is no such option.
func longName(name string) string {
	if slices.Contains(presetUsage.Names, name) {
		return presetUsage.Names[0]
	}
	return setters[name].long
}

// checkOption refuses an option out of scope. within are the presets that have it. One that does not exist
// is for the caller to refuse.
func (s *scope) checkOption(name string, within []string) error {
	long := longName(name)
	if s == nil || s.options == nil || within != nil || long == "" || slices.Contains(s.options, long) {
		return nil
	}
	return fmt.Errorf("%w: option %s is not listed (options)", ErrScope, transform.Quote(name))
}

// checkPreset refuses a preset out of scope.
func (s *scope) checkPreset(name string, within []string) error {
	switch {
	case s == nil, within != nil, slices.Contains(s.presets, name):
		return nil
	case s.presets == nil && (s.options == nil || slices.Contains(s.options, presetUsage.Names[0])):
		return nil
	}
	return fmt.Errorf("%w: preset %s is not listed (presets)", ErrScope, transform.Quote(name))
}

// checkExtension refuses a format where the option format is out of scope.
func (s *scope) checkExtension(ext string) error {
	if ext == "" {
		return nil
	}
	return s.checkOption("format", nil)
}

// checkInfo refuses a path of facts where those are out of scope.
func (s *scope) checkInfo() error {
	if s == nil || s.options == nil || slices.Contains(s.options, InfoMark) {
		return nil
	}
	return fmt.Errorf("%w: option %s is not listed (options)", ErrScope, InfoMark)
}
