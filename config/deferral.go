package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Deferral are the settings of results that are made when workers are idle; commands that tell what a URL comes to
// embed them too.
type Deferral struct {
	// Defer is a comma list; DeferredNames splits it.
	Defer    string        `help:"What to make when workers are idle, and answer at once with less: avif and jxl (where Accept has chosen them; WebP, JPEG or PNG until then), autoquality (the usual quality until then), best (WebP, JPEG or PNG until then). Default: nothing." placeholder:"WHAT,..." group:"Images" reload:"no"`
	DeferTTL time.Duration `name:"defer-ttl" help:"How long other caches may keep what is answered until then." default:"30s" group:"Images" reload:"no"`
}

// deferrable are the names in Deferral.Defer.
var deferrable = []string{"avif", "jxl", "autoquality", "best"}

// DeferredNames are what to make when workers are idle, in small letters; nil for nothing.
func (d *Deferral) DeferredNames() []string { return splitList(strings.ToLower(d.Defer)) }

// Check joins what is wrong.
func (d *Deferral) Check() error { return errors.Join(d.findProblems()...) }

// findProblems is what is wrong.
func (d *Deferral) findProblems() (problems []error) {
	for _, name := range d.DeferredNames() {
		if !slices.Contains(deferrable, name) {
			problems = append(problems, fmt.Errorf("--defer has %q: it takes %s", name, strings.Join(deferrable, ", ")))
		}
	}
	if d.DeferTTL < time.Second || d.DeferTTL > 24*time.Hour {
		problems = append(problems, fmt.Errorf("--defer-ttl is %v: set it to 1s or more, up to 24h", d.DeferTTL))
	}
	return problems
}
