package transform

var linearOption = newLinearOption()

func newLinearOption() Option {
	o := switchOption(Usage{Names: []string{"linear"}, Args: "switch",
		Text: "1 resizes in linear light: fine light details on dark ground, as stars and lines, keep their " +
			"brightness. It takes several times the CPU time, because decoders then do not shrink.",
		Example: "w:160/linear:1"},
		false, func(p *Params) *bool { return &p.Linear })
	// Rows have two bytes a sample instead of one, before and behind the resize, but for those
	// with alpha, which are of four bytes anyway. The tables of 16 bits take a quarter of a MiB for
	// each band, several times while they are made.
	o.ExtraBytes = func(w CostInput) float64 {
		switch {
		case !w.Out.Linear:
			return 0
		case w.Info.Alpha:
			return rowBytes(w.Info, w.Plan, w.Out) + 4*mib
		}
		return 2*rowBytes(w.Info, w.Plan, w.Out) + 4*mib
	}
	return o
}
