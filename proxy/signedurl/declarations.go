package signedurl

import (
	"errors"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// Declaration is what tools know of an option, to offer it to people.
type Declaration struct {
	// Names are the long name and then the short ones.
	Names     []string   `json:"names"`
	Arguments []Argument `json:"arguments"`
	// Default applies without the option, and Text says what it does: both in Markdown.
	Default string `json:"default"`
	Text    string `json:"text"`
	// Example are options of a path that show it; "" where there is nothing to see.
	Example string `json:"example,omitempty"`
	// SumsUp says that it only sets what other options set.
	SumsUp bool `json:"sums_up,omitempty"`
	// NeedsPermission says that URLs may have it only on servers that allow it.
	NeedsPermission bool `json:"needs_permission,omitempty"`
}

// Argument is an argument of an option.
type Argument struct {
	Name string `json:"name"`
	transform.Domain
	// Rest says that it stands for any number of arguments, with colons between them.
	Rest bool `json:"rest,omitempty"`
}

// Declarations lists every option of the dialect, in the order of Options. What arguments may be is asked of the
// parsers themselves: an option that is added is here by itself.
func Declarations() []Declaration {
	sumsUp := map[string]bool{}
	for _, o := range transform.Options() {
		sumsUp[o.Names[0]] = o.Text == nil
	}
	var all []Declaration
	for _, u := range Options() {
		d := Declaration{Names: u.Names, Default: u.Default, Text: u.Text, Example: u.Example,
			SumsUp: sumsUp[u.Names[0]]}
		d.Arguments, d.NeedsPermission = argumentsOf(u), limitsServer(u)
		all = append(all, d)
	}
	return all
}

// noArgument is none that an option with a domain takes.
const noArgument = "?"

// argumentsOf finds what the arguments of an option may be, from the first to the last one, behind those that
// are known already.
func argumentsOf(u transform.Usage) (all []Argument) {
	names := strings.Split(u.Args, ":")
	if i := strings.Index(u.Args, "…"); i >= 0 {
		return []Argument{{Name: u.Args, Domain: transform.Domain{Kind: transform.FreeText}, Rest: true}}
	}
	d := Dialect{}
	before := u.Names[0]
	for i, name := range names {
		if i > 0 && d.applyOption(&Request{}, before+":", nil) != nil {
			break // such as the second number of a colour, which a hexadecimal one has not
		}
		var outside *transform.OutsideError
		a := Argument{Name: name, Domain: transform.Domain{Kind: transform.FreeText}}
		if errors.As(d.applyOption(&Request{}, before+":"+noArgument, nil), &outside) {
			a.Domain = outside.Domain
		}
		first := ""
		if a.Kind == transform.Choice {
			first = a.Words[0]
		}
		before += ":" + first
		if all == nil && u.Names[0] == "format" {
			a.Words = append(append([]string(nil), a.Words...), autoFormat)
		}
		all = append(all, a)
	}
	return all
}

// limitsServer tries an option with a number.
func limitsServer(u transform.Usage) bool {
	var r Request
	err := (&Dialect{}).applyOption(&r, u.Names[0]+":1", nil)
	return err == nil && r.NeedsPermission()
}
