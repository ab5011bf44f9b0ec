package signedurl

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/pictor-proxy/pictor/transform"
)

// maxPalette and maxComponents are imgproxy's.
const maxPalette, maxComponents = 256, 9

var paletteOption = factOption{
	Usage: transform.Usage{Names: []string{"palette", "p"}, Args: "colors", Most: 1, Default: "0",
		Text: fmt.Sprintf("Palette of at most so many colours, 2 to %d, the most frequent first (`palette`).",
			maxPalette)},
	set: func(f *Facts, args []string) error {
		n, err := transform.ParseWhole(args[0], maxPalette)
		if err == nil && n == 1 {
			err = fmt.Errorf("a palette has 2 to %d colours", maxPalette)
		}
		f.Palette = n
		return err
	},
	text: func(f Facts) string {
		if f.Palette == 0 {
			return ""
		}
		return strconv.Itoa(f.Palette)
	},
	isOn: func(f Facts) bool { return f.Palette > 0 },
}

var averageOption = factOption{
	Usage: transform.Usage{Names: []string{"average", "avg"}, Args: "switch:ignore_transparent", Most: 2,
		Default: "`0:1`", Text: "Average colour (`average`), by default of the pixels that are not fully transparent."},
	set: func(f *Facts, args []string) error {
		on, ignore := f.Asked.Has(FactAverage), !f.Asked.Has(FactCountTransparent)
		for i, value := range []*bool{&on, &ignore} {
			if i >= len(args) || args[i] == "" {
				continue
			}
			var err error
			if *value, err = transform.ParseBool(args[i]); err != nil {
				return err
			}
		}
		f.Asked &^= FactAverage | FactCountTransparent
		if on {
			f.Asked |= FactAverage
		}
		if !ignore {
			f.Asked |= FactCountTransparent
		}
		return nil
	},
	text: func(f Facts) string {
		switch on, count := f.Asked.Has(FactAverage), f.Asked.Has(FactCountTransparent); {
		case on && count:
			return "1:0"
		case on:
			return "1"
		case count:
			return "0:0"
		}
		return ""
	},
	isOn: func(f Facts) bool { return f.Asked.Has(FactAverage) },
}

var blurhashOption = factOption{
	Usage: transform.Usage{Names: []string{"blurhash", "bh"}, Args: "x_components:y_components", Most: 2,
		Default: "`0:0`",
		Text:    fmt.Sprintf("BlurHash of so many components each way, 1 to %d (`blurhash`).", maxComponents)},
	set: func(f *Facts, args []string) error {
		var sides [2]int
		for i, a := range args {
			n, err := transform.ParseWhole(a, maxComponents)
			if err != nil {
				return err
			}
			sides[i] = n
		}
		if (sides[0] == 0) != (sides[1] == 0) {
			return errors.New("a BlurHash needs components both ways, such as 4:3")
		}
		f.BlurhashX, f.BlurhashY = sides[0], sides[1]
		return nil
	},
	text: func(f Facts) string {
		if f.BlurhashX == 0 {
			return ""
		}
		return strconv.Itoa(f.BlurhashX) + ":" + strconv.Itoa(f.BlurhashY)
	},
	isOn: func(f Facts) bool { return f.BlurhashX > 0 },
}
