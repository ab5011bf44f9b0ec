package transform

// Usage documents an option of the native dialect.
type Usage struct {
	// Names are the long name and then the short ones.
	Names []string
	// Args are the arguments as written behind a name, "top:right:bottom:left".
	Args string
	// Most is how many arguments it takes at the most; at least one is given.
	Most int
	// Default is what applies without the option, in Markdown.
	Default string
	// Text says what the option does, with its ranges, in Markdown: sentences,
	// then perhaps a list.
	Text string
	// Example is what docs/options.md shows the result of; empty if there is
	// nothing to see.
	Example string
}

// Option is an option about what to make of an image. Each is declared in a
// file of its own, with what it adds to the estimate; what it does to pixels
// is in the file of the same name in transform/vips.
type Option struct {
	Usage
	// Set reads arguments, at least one and at most Most, into p. Errors say
	// what is wrong with them.
	Set func(p *Params, args []string) error
	// Text is the inverse of Set: the arguments that say what p says, or
	// nothing where that is the default. It is nil for options that only sum
	// up others.
	Text func(p Params) string
	// ExtraBytes is what the option's step adds to the working set of a job, over
	// what the image takes without it. Nil means nothing.
	ExtraBytes func(w CostInput) float64
}

// CostInput is a planned job, as the parts of the estimate see it.
type CostInput struct {
	Info Info
	Plan Geometry
	// Out has its Format set.
	Out Params
}

// Short is the name that canonical texts use.
func (u Usage) Short() string {
	if len(u.Names) > 1 {
		return u.Names[1]
	}
	return u.Names[0]
}
