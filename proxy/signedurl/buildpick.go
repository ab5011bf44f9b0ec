package signedurl

import (
	"fmt"
	"strconv"

	"github.com/pictor-proxy/pictor/transform"
)

// Pick signs a list of up to 32 different widths, in pixels, of which browsers pick one (the option pick). The
// first one is that of the URL itself; Width after Pick gives the URL of another one, which has the same
// signature. A height set before keeps the proportions.
func (u URL) Pick(widths ...int) URL {
	var args []string
	for _, w := range widths {
		args = append(args, strconv.Itoa(w))
	}
	u.choice.width = ""
	return u.withList(pickWidthsOption, args)
}

// PickDPRs is the same for up to 4 values of dpr, and the method DPR.
func (u URL) PickDPRs(ratios ...float64) URL {
	var args []string
	for _, ratio := range ratios {
		args = append(args, strconv.FormatFloat(ratio, 'f', -1, 64))
	}
	u.choice.dpr = ""
	return u.withList(pickDPRsOption, args)
}

// PickFormats is the same for up to 8 formats, and the method Format. They replace a format set before.
func (u URL) PickFormats(formats ...transform.Format) URL {
	var args []string
	for _, f := range formats {
		args = append(args, f.Ext())
	}
	u.choice.format = ""
	u.r.Params.Format, u.r.Params.Best = transform.FormatUnknown, 0
	u.r.Auto = false
	return u.withList(pickFormatsOption, args)
}

// withList sets an option that takes a list.
func (u URL) withList(o requestOption, args []string) URL {
	if u.err != nil {
		return u
	}
	switch n := len(args); {
	case n == 0:
		u.err = fmt.Errorf("%w: option %s needs an argument", ErrBadArgument, o.Names[0])
	case n > o.Most:
		u.err = fmt.Errorf("%w: option %s takes at most %d arguments, got %d", ErrBadArgument, o.Names[0], o.Most, n)
	default:
		if err := o.set(&u.r, args); err != nil {
			u.err = fmt.Errorf("%w: option %s: %w", ErrBadArgument, o.Names[0], err)
		}
	}
	return u
}

// withPick is the URL with a list of these widths, unless it has one.
func (u URL) withPick(widths []int) URL {
	if u.r.Picks.Widths != "" || len(widths) == 0 {
		return u
	}
	return u.Pick(widths...)
}
