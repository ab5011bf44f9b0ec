package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Unsigned are the settings of paths without a signature.
type Unsigned struct {
	CloudflarePath    string `help:"Serve the image URLs of Cloudflare below this path, which is /cdn-cgi/image/ there. They have no signature: the --unsigned lists bound them, unless --insecure is set. Default: off." placeholder:"/PATH/" group:"Unsigned" reload:"yes"`
	Unsigned          bool   `help:"Serve paths that begin with /unsigned/ instead of a signature, within the lists of the other --unsigned settings." group:"Unsigned" reload:"yes"`
	UnsignedSources   string `help:"Sources of such paths, as in --allow-sources. Must be set." placeholder:"RULE,..." group:"Unsigned" reload:"yes"`
	UnsignedWidths    string `help:"Widths in pixels that such paths may ask for. 0: none." placeholder:"N,..." group:"Unsigned" reload:"yes"`
	UnsignedHeights   string `help:"Heights in pixels that such paths may ask for." placeholder:"N,..." group:"Unsigned" reload:"yes"`
	UnsignedDPRs      string `name:"unsigned-dprs" help:"Values of dpr that such paths may ask for." placeholder:"N,..." group:"Unsigned" reload:"yes"`
	UnsignedQualities string `help:"Qualities that such paths may ask for." placeholder:"N,..." group:"Unsigned" reload:"yes"`
	UnsignedFormats   string `help:"Formats that such paths may ask for, auto, and placeholders: blurhash, thumbhash, lqip, color." placeholder:"FORMAT,..." group:"Unsigned" reload:"yes"`
	UnsignedPresets   string `help:"Presets that such paths may name." placeholder:"NAME,..." group:"Unsigned" reload:"yes"`
	UnsignedInfo      string `help:"Options that paths of facts without a signature (/info/unsigned/…) may have, as in such a path. Without it there are no such paths." placeholder:"OPTION,..." group:"Unsigned" reload:"yes"`
	UnsignedSnap      bool   `help:"Raise a width or height of such a path that is not listed to the next one that is." group:"Unsigned" reload:"yes"`
}

// SourceRules are those of UnsignedSources.
func (u *Unsigned) SourceRules() []string { return splitList(u.UnsignedSources) }

// CloudflareRoot is CloudflarePath with a slash before and behind it; "" where the URLs are not served.
func (u *Unsigned) CloudflareRoot() string {
	if u.CloudflarePath == "" {
		return ""
	}
	return "/" + strings.Trim(u.CloudflarePath, "/") + "/"
}

// Formats are those of UnsignedFormats, and Presets the names of presets.
func (u *Unsigned) Formats() []string { return splitList(u.UnsignedFormats) }
func (u *Unsigned) Presets() []string { return splitList(u.UnsignedPresets) }

// Facts are options of paths of facts.
func (u *Unsigned) Facts() []string { return splitList(u.UnsignedInfo) }

// Sizes are the lists of whole numbers.
func (u *Unsigned) Sizes() (widths, heights, qualities []int, err error) {
	var errs [3]error
	widths, errs[0] = numbers("--unsigned-widths", u.UnsignedWidths, maxSide)
	heights, errs[1] = numbers("--unsigned-heights", u.UnsignedHeights, maxSide)
	qualities, errs[2] = numbers("--unsigned-qualities", u.UnsignedQualities, 100)
	return widths, heights, qualities, errors.Join(errs[:]...)
}

// DPRs are those of UnsignedDPRs.
func (u *Unsigned) DPRs() (list []float64, err error) {
	for _, entry := range splitList(u.UnsignedDPRs) {
		f, err := strconv.ParseFloat(entry, 64)
		if err != nil || !(f > 0 && f <= 100) {
			return nil, fmt.Errorf("--unsigned-dprs has %q: write numbers above 0 and up to 100", entry)
		}
		list = append(list, f)
	}
	return list, nil
}

// validate joins what is wrong with the lists.
func (u *Unsigned) validate() error {
	_, _, _, sizes := u.Sizes()
	_, dprs := u.DPRs()
	var sources error
	switch lists := *u; {
	case u.Unsigned && u.UnsignedSources == "":
		sources = errors.New("--unsigned needs --unsigned-sources: list the sources that anyone may have, such as " +
			"https://photos.example.com/")
	case !u.Unsigned && u.CloudflarePath == "" && lists != Unsigned{}:
		sources = errors.New("an --unsigned setting has no effect without --unsigned or --cloudflare-path")
	}
	return errors.Join(sources, sizes, dprs)
}
