package signedurl

import (
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// Each option is declared, its arguments are those of its documentation, and what a declaration says holds.
func TestDeclarationsAreWhatParsersTake(t *testing.T) {
	known := map[string]Declaration{}
	for _, d := range Declarations() {
		known[d.Names[0]] = d
		if len(d.Arguments) == 0 || d.Text == "" {
			t.Errorf("%s has %d arguments and the text %q", d.Names[0], len(d.Arguments), d.Text)
		}
		for i, a := range d.Arguments {
			if a.Kind == transform.Choice && len(a.Words) < 2 || a.Kind == transform.WholeNumber && a.Most <= a.Least {
				t.Errorf("%s: argument %d is %+v", d.Names[0], i, a)
			}
		}
	}
	if len(known) != len(Options()) {
		t.Errorf("%d of %d options", len(known), len(Options()))
	}
	for name, want := range map[string][]transform.DomainKind{
		"width": {transform.WholeNumber}, "enlarge": {transform.Switch}, "blur": {transform.DecimalNumber},
		"resizing_type": {transform.Choice}, "rotate": {transform.QuarterTurn}, "background": {transform.ColourCode},
		"gravity":     {transform.Choice, transform.DecimalNumber, transform.DecimalNumber},
		"cachebuster": {transform.FreeText}, "brightness": {transform.WholeNumber},
		"max_src_file_size": {transform.WholeNumber}, "max_src_resolution": {transform.DecimalNumber},
		"format_quality": {transform.FreeText}, "format": {transform.Choice},
		"crop": {transform.DecimalNumber, transform.DecimalNumber, transform.Choice, transform.DecimalNumber,
			transform.DecimalNumber},
	} {
		d := known[name]
		if len(d.Arguments) != len(want) {
			t.Errorf("%s has the arguments %+v", name, d.Arguments)
			continue
		}
		for i, kind := range want {
			if d.Arguments[i].Kind != kind {
				t.Errorf("%s: argument %d is %+v, want a %s", name, i, d.Arguments[i], kind)
			}
		}
	}
	if q := known["quality"].Arguments[0]; q.Least != 0 || q.Most != 100 {
		t.Errorf("quality: %+v", q)
	}
	for name, want := range map[string]bool{"resize": true, "width": false} {
		if known[name].SumsUp != want {
			t.Errorf("%s sums up: %v", name, !want)
		}
	}
	for name, want := range map[string]bool{"max_src_file_size": true, "width": false, "filename": false} {
		if known[name].NeedsPermission != want {
			t.Errorf("%s needs permission: %v", name, !want)
		}
	}
}

// Every word that a declaration names is taken, but for those that need an argument more.
func TestDeclaredArgumentsAreTaken(t *testing.T) {
	for _, d := range Declarations() {
		a := d.Arguments[0]
		words := a.Words
		if a.Kind == transform.Switch {
			words = []string{"0", "1"}
		}
		for _, word := range words {
			err := (&Dialect{}).applyOption(&Request{}, d.Names[0]+":"+word, nil)
			if err != nil && word != "fp" && !strings.HasSuffix(err.Error(), "needs a target") {
				t.Errorf("%s:%s: %v", d.Names[0], word, err)
			}
		}
	}
}
