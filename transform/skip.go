package transform

import (
	"fmt"
	"slices"
	"strings"
)

// parseFormat is ParseFormat with a sentence, for one of a list.
func parseFormat(s string, list []Format) (Format, error) {
	f, ok := ParseFormat(s)
	if !ok || !slices.Contains(list, f) {
		return f, fmt.Errorf("format %w", noneOf(s, formatNames(list)))
	}
	return f, nil
}

// FormatNames are the names of formats as URLs have them, for errors.
func FormatNames(list []Format) string { return strings.Join(formatNames(list), ", ") }

func formatNames(list []Format) (names []string) {
	for _, f := range list {
		names = append(names, f.Ext())
	}
	return names
}

var formatOption = Option{
	Usage: Usage{
		Names: []string{"format", "f", "ext"}, Args: "format", Most: 1 + len(Outputs), Default: "format of the source",
		Text: "Format of the result: `jpg`, `png`, `webp`, `gif`, `avif`, `jxl`, `auto` or `best`. `auto` takes AVIF " +
			"or WebP if the client accepts it (`Accept`), else a format that all clients read, and for an animation " +
			"WebP or GIF. `best` makes a still image in JPEG (or PNG) and in the formats of `auto` that the client " +
			"accepts, at the same score of `autoquality` (SSIMULACRA2 78 without it), and serves the smallest. It " +
			"can be followed by formats to choose from whatever the client accepts: `best:jpg:webp`. The format can " +
			"also be written after the source: `@webp` after a plain source, `.webp` after a base64 source. That " +
			"takes precedence over this option. `blurhash`, `thumbhash`, `lqip` and `color` are " +
			"[placeholders](info.md#placeholders) as text.",
	},
	Set: func(p *Params, args []string) (err error) {
		if args[0] == BestFormat {
			p.Format = FormatUnknown
			p.Best, err = parseBest(args[1:])
			return err
		}
		if len(args) > 1 {
			return fmt.Errorf("only %s takes more formats than one", BestFormat)
		}
		p.Best = 0
		p.Format, err = parseFormat(args[0], Outputs)
		return err
	},
	Text: func(p Params) string {
		if p.Best != 0 {
			return p.Best.bestText()
		}
		return p.Format.Ext()
	},
}

var skipOption = Option{
	Usage: Usage{
		Names: []string{"skip_processing", "skp", "sp"}, Args: "format:…", Most: len(Inputs), Default: "none",
		Text: "Sources in these formats are served unchanged, unless the URL asks for another format. Several of " +
			"these options add up.",
	},
	Set: func(p *Params, args []string) error {
		for _, arg := range args {
			f, err := parseFormat(arg, Inputs)
			if err != nil {
				return err
			}
			p.Skip |= 1 << f
		}
		return nil
	},
	Text: func(p Params) string {
		var names []string
		for _, f := range Inputs {
			if p.Skip.Has(f) {
				names = append(names, f.Ext())
			}
		}
		return strings.Join(names, ":")
	},
}

var rawOption = switchOption(Usage{Names: []string{"raw"}, Args: "switch",
	Text: "1 serves the source unchanged, if it is an image. All other options that change the image, and an " +
		"extension, are ignored."},
	false, func(p *Params) *bool { return &p.Raw })

// AsItIs says whether a source is given as it is: it is asked for raw, or
// skipped.
func (p Params) AsItIs(info Info) bool {
	return p.Raw || p.Skip.Has(info.Format) && (p.Format == FormatUnknown || p.Format == info.Format)
}
