package transform

import "slices"

// Capabilities is what an installation of libvips can do, tried out and not
// looked up: its codecs may be plug-ins that are missing.
type Capabilities struct {
	// Version is libvips' own, "8.16.1".
	Version string
	// Load and Save list the formats of Inputs and Outputs that really work.
	Load, Save []Format
}

// Access is what the installation allows to read and write.
func (c Capabilities) Access() FormatAccess {
	return FormatAccess{FormatSetOf(c.Load), FormatSetOf(c.Save)}
}

// Missing names the abilities that every installation must have and this one has not,
// "save avif".
func (c Capabilities) Missing() []string { return c.without(true) }

// Without names those that an installation need not have, and this one has not.
func (c Capabilities) Without() []string { return c.without(false) }

func (c Capabilities) without(everywhere bool) (names []string) {
	add := func(verb string, all, have []Format) {
		for _, f := range all {
			if formatTable[f].everywhere == everywhere && !slices.Contains(have, f) {
				names = append(names, verb+" "+f.String())
			}
		}
	}
	add("load", Inputs, c.Load)
	add("save", Outputs, c.Save)
	return names
}
