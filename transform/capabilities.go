package transform

import "slices"

// Capabilities is what an installation of libvips can do, tried out and not
// looked up: its codecs may be plug-ins that are missing.
type Capabilities struct {
	// Version is libvips' own, "8.16.1".
	Version string
	// Load and Save list the promised formats that really work.
	Load, Save []Format
}

// Missing names the promised abilities that are not there, "save avif".
func (c Capabilities) Missing() []string {
	var out []string
	for _, f := range Formats {
		if !slices.Contains(c.Load, f) {
			out = append(out, "load "+f.String())
		}
		if !slices.Contains(c.Save, f) {
			out = append(out, "save "+f.String())
		}
	}
	return out
}
