package signedurl

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// An option sets a part of a Request from its arguments, percent-decoded.
// Empty arguments of the options with many leave their part as it is.
type option struct {
	names []string // the long name first
	max   int      // arguments at the most; at least one is given
	set   func(r *Request, args []string) error
}

// options is the grammar; names and arguments are imgproxy's.
var options = []option{
	{[]string{"resize", "rs"}, 8, resize},
	{[]string{"size", "s"}, 7, size},
	{[]string{"resizing_type", "rt"}, 1, resizingType},
	{[]string{"width", "w"}, 1, width},
	{[]string{"height", "h"}, 1, height},
	{[]string{"dpr"}, 1, dpr},
	{[]string{"enlarge", "el"}, 1, enlarge},
	{[]string{"gravity", "g"}, 3, gravity},
	{[]string{"quality", "q"}, 1, quality},
	{[]string{"format", "f", "ext"}, 1, format},
	{[]string{"auto_rotate", "ar"}, 1, autoRotate},
	{[]string{"rotate", "rot"}, 1, rotate},
	{[]string{"strip_metadata", "sm"}, 1, stripMetadata},
	{[]string{"cachebuster", "cb"}, 1, cacheBuster},
	{[]string{"expires", "exp"}, 1, expires},
}

func findOption(name string) (option, bool) {
	for _, o := range options {
		for _, n := range o.names {
			if n == name {
				return o, true
			}
		}
	}
	return option{}, false
}

// option reads one segment, "name:arg:arg".
func (r *Request) option(segment string) error {
	name, rest, _ := strings.Cut(segment, ":")
	o, ok := findOption(name)
	if !ok {
		return fmt.Errorf("%w: %s is not one that pictor knows", ErrUnknownOption, quote(name))
	}
	args := strings.Split(rest, ":")
	if len(args) > o.max {
		return fmt.Errorf("%w: %s takes at most %d, got %d", ErrBadArgument, name, o.max, len(args))
	}
	for i, a := range args {
		// Some client libraries encode their arguments as URL components.
		decoded, err := url.PathUnescape(a)
		if err != nil {
			return fmt.Errorf("%w: the percent-encoding in %s is broken", ErrBadArgument, quote(segment))
		}
		args[i] = decoded
	}
	if err := o.set(r, args); err != nil {
		if errors.Is(err, ErrBadArgument) {
			return err
		}
		return fmt.Errorf("%w: %s: %v", ErrBadArgument, name, err)
	}
	return nil
}

func resize(r *Request, args []string) error {
	if args[0] != "" {
		if err := resizingType(r, args[:1]); err != nil {
			return err
		}
	}
	if len(args) == 1 {
		return nil
	}
	return size(r, args[1:])
}

func size(r *Request, args []string) error {
	for i, set := range []func(*Request, []string) error{width, height, enlarge, extend} {
		if i >= len(args) {
			return nil
		}
		if args[i] == "" {
			continue
		}
		if err := set(r, args[i:i+1]); err != nil {
			return err
		}
	}
	if len(args) > 4 {
		// The gravity of an extension that is off: read and forgotten.
		return gravity(new(Request), args[4:])
	}
	return nil
}

func resizingType(r *Request, args []string) (err error) {
	mode, ok := transform.ParseResizeMode(args[0])
	if !ok {
		return fmt.Errorf("%s is not one of fit, fill, fill-down, force, auto", quote(args[0]))
	}
	r.Params.Mode = mode
	return nil
}

func width(r *Request, args []string) (err error) {
	r.Params.Width, err = number(args[0], transform.MaxDimension)
	return err
}

func height(r *Request, args []string) (err error) {
	r.Params.Height, err = number(args[0], transform.MaxDimension)
	return err
}

func dpr(r *Request, args []string) error {
	f, err := strconv.ParseFloat(args[0], 64)
	hex := strings.ContainsAny(args[0], "xX")
	if err != nil || hex || !(f > 0 && f <= transform.MaxDPR) {
		return fmt.Errorf("%s is not a number above 0 and up to %d", quote(args[0]), transform.MaxDPR)
	}
	r.Params.DPR = f
	return nil
}

func enlarge(r *Request, args []string) (err error) {
	r.Params.Enlarge, err = boolean(args[0])
	return err
}

func extend(_ *Request, args []string) error {
	on, err := boolean(args[0])
	if err == nil && on {
		err = errors.New("extending is not supported yet; leave it out or say 0")
	}
	return err
}

func gravity(r *Request, args []string) error {
	g, ok := transform.ParseGravity(args[0])
	if !ok {
		return fmt.Errorf("%s is not one of ce, no, so, ea, we, noea, nowe, soea, sowe", quote(args[0]))
	}
	for _, offset := range args[1:] {
		if f, err := strconv.ParseFloat(offset, 64); offset != "" && (err != nil || f != 0) {
			return fmt.Errorf("an offset of %s is not supported yet; leave it out or say 0", quote(offset))
		}
	}
	r.Params.Gravity = g
	return nil
}

func quality(r *Request, args []string) (err error) {
	r.Params.Quality, err = number(args[0], 100)
	return err
}

func format(r *Request, args []string) error {
	f, ok := transform.ParseFormat(args[0])
	if !ok {
		return fmt.Errorf("%w: format %s is not one of jpg, png, webp, gif, avif", ErrBadArgument, quote(args[0]))
	}
	r.Params.Format = f
	return nil
}

func autoRotate(r *Request, args []string) error {
	on, err := boolean(args[0])
	r.Params.IgnoreOrientation = !on
	return err
}

func rotate(r *Request, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil || n%90 != 0 {
		return fmt.Errorf("%s is not a multiple of 90", quote(args[0]))
	}
	r.Params.Rotate = (n%360 + 360) % 360
	return nil
}

func stripMetadata(r *Request, args []string) error {
	on, err := boolean(args[0])
	r.Params.KeepMetadata = !on
	return err
}

func cacheBuster(r *Request, args []string) error {
	r.CacheBuster = args[0]
	return nil
}

func expires(r *Request, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%s is not a time in Unix seconds", quote(args[0]))
	}
	r.Expires = n
	return nil
}

func number(s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s is not a whole number from 0 to %d", quote(s), most)
	}
	return n, nil
}

// boolean reads what imgproxy's clients send: 1, t, true, 0, f, false in
// several cases. imgproxy takes anything else for false; a typo that changes
// a picture in silence is worse than an error.
func boolean(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, fmt.Errorf("%s is not 1 or 0", quote(s))
	}
	return b, nil
}
