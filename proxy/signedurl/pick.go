package signedurl

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// ErrNotInList: what stands before the signature is not in a list that is signed.
var ErrNotInList = errors.New("not in the list of the URL")

// Picks are signed lists, of each of which a client picks one value: pick:320:640, pick_dpr:1:2 and
// pick_format:avif:webp. Each is a text of the values in their one spelling, with blanks between; "" for no
// list. A Request that was parsed has none: one value of each has taken its place.
type Picks struct{ Widths, DPRs, Formats string }

const maxPickWidths, maxPickDPRs, maxPickFormats = 32, 4, 8

var pickWidthsOption = requestOption{
	Usage: transform.Usage{Names: []string{"pick"}, Args: "width:width:…", Most: maxPickWidths, Default: "none",
		Text: fmt.Sprintf("Up to %d widths in pixels, of which the client picks one in front of the signature: "+
			"`/w:640/SIGNATURE/pick:320:640:960/…`. Without that it is the first one. It replaces `width`, and a "+
			"`height` keeps the proportion that it has to `width`. Another width than these is a 403. One "+
			"signature serves a whole `srcset` ([how](signing.md#a-choice-for-browsers)).", maxPickWidths)},
	set: func(r *Request, args []string) (err error) {
		r.Picks.Widths, err = listOf(args, func(s string) (string, error) {
			n, err := transform.ParseWhole(s, transform.MaxDimension)
			if err == nil && n == 0 {
				err = errors.New("a width to pick must be at least 1")
			}
			return strconv.Itoa(n), err
		})
		return err
	},
	text: func(r Request) string { return strings.ReplaceAll(r.Picks.Widths, " ", ":") },
}

var pickDPRsOption = requestOption{
	Usage: transform.Usage{Names: []string{"pick_dpr", "pickd"}, Args: "ratio:ratio:…", Most: maxPickDPRs,
		Default: "none",
		Text: fmt.Sprintf("The same for `dpr`, up to %d ratios: `/dpr:2/SIGNATURE/pick_dpr:1:2/…`. Where a client "+
			"picks several, the order is `w`, `dpr`, `f`.", maxPickDPRs)},
	set: func(r *Request, args []string) (err error) {
		r.Picks.DPRs, err = listOf(args, func(s string) (string, error) {
			f, err := strconv.ParseFloat(s, 64)
			text := strconv.FormatFloat(f, 'f', -1, 64)
			if err != nil || !(f > 0 && f <= transform.MaxDPR) || len(text) > maxPickedDPR {
				return "", fmt.Errorf("%s is not a dpr above 0 and up to %d, of at most %d characters",
					transform.Quote(s), transform.MaxDPR, maxPickedDPR)
			}
			return text, nil
		})
		return err
	},
	text: func(r Request) string { return strings.ReplaceAll(r.Picks.DPRs, " ", ":") },
}

// maxPickedDPR is the length of a dpr in a list: with its name it is shorter than any signature.
const maxPickedDPR = 5

var pickFormatsOption = requestOption{
	Usage: transform.Usage{Names: []string{"pick_format", "pickf"}, Args: "format:format:…", Most: maxPickFormats,
		Default: "none",
		Text: fmt.Sprintf("The same for `format`, up to %d formats, also `auto`: "+
			"`/f:webp/SIGNATURE/pick_format:avif:webp:jpg/…`. It replaces `format` and an extension.",
			maxPickFormats)},
	set: func(r *Request, args []string) (err error) {
		r.Picks.Formats, err = listOf(args, func(s string) (string, error) {
			if f, ok := transform.ParseOutput(s); ok {
				return f.Ext(), nil
			}
			if s == autoFormat {
				return s, nil
			}
			return "", fmt.Errorf("%s is not one of %s, %s", transform.Quote(s),
				transform.FormatNames(transform.Outputs), autoFormat)
		})
		return err
	},
	text: func(r Request) string { return strings.ReplaceAll(r.Picks.Formats, " ", ":") },
}

// listOf brings the values of a list to their one spelling.
func listOf(args []string, spell func(string) (string, error)) (string, error) {
	var values []string
	for _, arg := range args {
		value, err := spell(arg)
		if err != nil {
			return "", err
		}
		if slices.Contains(values, value) {
			return "", fmt.Errorf("%s is in the list twice", value)
		}
		values = append(values, value)
	}
	return strings.Join(values, " "), nil
}

// Choice is the part of a path before its signature, by which a client picks of signed lists. Nobody has signed
// it, and nothing is done with its texts but to compare them with those of the lists. The zero Choice picks
// the first value of each list.
type Choice struct{ width, dpr, format string }

// String is the choice as it stands in a path, "/w:640/f:webp", with colons; "" for none.
func (c Choice) String() string {
	var b strings.Builder
	for i, value := range []string{c.width, c.dpr, c.format} {
		if value != "" {
			b.WriteString("/" + choiceNames[i] + ":" + value)
		}
	}
	return b.String()
}

// choiceNames are the options that a client may pick, in the order in which they stand in a path.
var choiceNames = [...]string{"w", "dpr", "f"}

// CutChoice cuts the segments before the signature off a request target; rest has the signature first. Where
// there is none, rest is the target. A segment of a choice has a separator and is shorter than any signature, so
// that neither can be taken for the other.
func (d *Dialect) CutChoice(target string) (c Choice, rest string) {
	rest = PathOf(target)
	if !strings.HasPrefix(rest, "/") {
		return Choice{}, target
	}
	for i, to := range []*string{&c.width, &c.dpr, &c.format} {
		segment, tail, more := strings.Cut(rest[1:], "/")
		value, ok := strings.CutPrefix(d.withColons(segment), choiceNames[i]+d.separator())
		if more && ok && value != "" && len(d.withColons(segment)) < shortest {
			*to, rest = value, "/"+tail
		}
	}
	if c == (Choice{}) || isUnsigned(rest) {
		return Choice{}, target
	}
	return c, rest
}

// VerifyChoice is Keyring.Verify of a target that may have a choice before its signature.
func (d *Dialect) VerifyChoice(k *Keyring, target string) (Verified, Choice, error) {
	choice, rest := d.CutChoice(target)
	v, err := k.Verify(rest)
	if err != nil && choice != (Choice{}) {
		choice = Choice{}
		v, err = k.Verify(target) // a trusted signature may look like a choice
	}
	return v, choice, err
}

// ParseChoice reads the signed part of a path, with what a client picks of its lists. Its errors are those of
// Parse, and ErrNotInList.
func (d *Dialect) ParseChoice(v Verified, c Choice) (Request, error) {
	return d.ParseUnsignedChoice(v.path, c)
}

// ParseUnsignedChoice is to ParseChoice what ParseUnsigned is to Parse.
func (d *Dialect) ParseUnsignedChoice(path string, c Choice) (Request, error) {
	r, err := d.readPath(path)
	if err != nil {
		return Request{}, err
	}
	return r.choose(c)
}

// Candidates are all requests that clients can make of a path, which is read without regard to a signature: one
// for each combination of what they may pick.
func (d *Dialect) Candidates(path string) (all []Request, err error) {
	r, err := d.readPath(path)
	if err != nil {
		return nil, err
	}
	for _, width := range strings.Split(r.Picks.Widths, " ") {
		for _, dpr := range strings.Split(r.Picks.DPRs, " ") {
			for _, format := range strings.Split(r.Picks.Formats, " ") {
				one, wrong := r.choose(Choice{width, dpr, format})
				if wrong != nil {
					err = wrong // such as a height that is too large in this width
					continue
				}
				all = append(all, one)
			}
		}
	}
	if len(all) > 0 {
		err = nil
	}
	return all, err
}

// choose puts values in the place of the lists, and brings the parameters to their one spelling.
func (r Request) choose(c Choice) (Request, error) {
	width, err := pickOf(r.Picks.Widths, c.width, "width", pickWidthsOption)
	if err != nil {
		return Request{}, err
	}
	dpr, err := pickOf(r.Picks.DPRs, c.dpr, "dpr", pickDPRsOption)
	if err != nil {
		return Request{}, err
	}
	format, err := pickOf(r.Picks.Formats, c.format, "format", pickFormatsOption)
	if err != nil {
		return Request{}, err
	}
	r.Picks = Picks{}
	// The values are those of lists that were checked.
	if width != "" {
		n, _ := strconv.Atoi(width)
		scaleTo(&r.Params, n)
	}
	if dpr != "" {
		r.Params.DPR, _ = strconv.ParseFloat(dpr, 64)
	}
	if format != "" && !r.setNamedFormat(format) {
		r.Params.Format, _ = transform.ParseOutput(format)
	}
	if r.Params, err = r.Params.Normalize(); err != nil {
		return Request{}, fmt.Errorf("%w: %v", ErrBadArgument, err)
	}
	return r, nil
}

// pickOf is the value of a list that a client picks; the first one where it picks none.
func pickOf(list, value, what string, o requestOption) (string, error) {
	values := strings.Fields(list)
	switch {
	case value == "" && list == "":
		return "", nil
	case value == "":
		return values[0], nil
	case list == "":
		return "", fmt.Errorf("%w: the signed path has no list of which a %s could be picked (%s)", ErrNotInList, what,
			o.Names[0])
	case !slices.Contains(values, value):
		return "", fmt.Errorf("%w: %s %s is not in the signed list (%s)", ErrNotInList, what, transform.Quote(value),
			o.Names[0])
	}
	return value, nil
}

// scaleTo sets a width: a height, if there is one, keeps the proportion to the width before.
func scaleTo(p *transform.Params, width int) {
	if p.Width > 0 && p.Height > 0 {
		p.Height = max(1, (p.Height*width+p.Width/2)/p.Width)
	}
	p.Width = width
}
