package transform

import (
	"math"
	"testing"
)

// need is the working set of an image that p is made of.
func need(info Info, p Params) int64 { return WorkingSet(info, NewGeometry(info, p), p) }

// image is 3000 by 2000 pixels, changed.
func picture(f Format, change func(*Info)) Info {
	info := Info{Format: f, Width: 3000, Height: 2000, Orientation: 1, Frames: 1, Bands: 3, Bits: 8}
	if change != nil {
		change(&info)
	}
	return info
}

func alpha(i *Info) { i.Alpha, i.Bands = true, 4 }

func multiScan(i *Info) { i.CoefficientBytes = i.Pixels() * 3 }

var thumbnail = Params{Width: 720, Format: JPEG}

func TestWorkingSetKnowsWhatCostsMore(t *testing.T) {
	whole := Params{Format: JPEG}
	as := func(f Format, quality int) Params { return Params{Format: f, Quality: quality} }
	jpeg, png, webp, avif := picture(JPEG, nil), picture(PNG, nil), picture(WebP, nil), picture(AVIF, nil)
	// less and more in mebibytes: a bound of what the difference must be.
	for name, tc := range map[string]struct {
		less, more int64
		apart      int64
	}{
		"a picture of several scans": {need(jpeg, thumbnail), need(picture(JPEG, multiScan), thumbnail), 17},
		"whatever the decoder shrinks": {need(picture(JPEG, multiScan), Params{Width: 100, Format: JPEG}),
			need(picture(JPEG, multiScan), thumbnail), 0},
		"four inks":                     {need(jpeg, thumbnail), need(picture(JPEG, func(i *Info) { i.Bands = 4 }), thumbnail), 6},
		"a decoder that cannot shrink":  {need(jpeg, thumbnail), need(png, thumbnail), 8},
		"a PNG of two passes and more":  {need(png, thumbnail), need(picture(PNG, func(i *Info) { i.Interlaced = true }), thumbnail), 17},
		"sixteen bits":                  {need(png, thumbnail), need(picture(PNG, func(i *Info) { i.Bits = 16 }), thumbnail), 4},
		"alpha":                         {need(png, thumbnail), need(picture(PNG, alpha), thumbnail), 15},
		"alpha of an enlarged result":   {need(picture(PNG, alpha), thumbnail), need(picture(PNG, alpha), Params{Width: 6000, Enlarge: true, Format: JPEG}), 40},
		"a lossless WebP":               {need(webp, thumbnail), need(picture(WebP, func(i *Info) { i.Lossless = true }), thumbnail), 19},
		"a WebP with an alpha plane":    {need(webp, thumbnail), need(picture(WebP, alpha), thumbnail), 25},
		"an animation, which is whole":  {need(webp, thumbnail), need(picture(WebP, func(i *Info) { i.Frames = 2 }), thumbnail), 40},
		"a GIF":                         {need(png, thumbnail), need(picture(GIF, nil), thumbnail), 40},
		"an AVIF of 10 bits":            {need(avif, thumbnail), need(picture(AVIF, func(i *Info) { i.Bits = 10 }), thumbnail), 40},
		"an AVIF of full colour":        {need(avif, thumbnail), need(picture(AVIF, func(i *Info) { i.FullChroma = true }), thumbnail), 35},
		"an AVIF with alpha":            {need(avif, thumbnail), need(picture(AVIF, alpha), thumbnail), 5},
		"metadata":                      {need(jpeg, thumbnail), need(picture(JPEG, func(i *Info) { i.AncillaryBytes = 10 * mib }), thumbnail), 20},
		"a turn, by its frame":          {need(jpeg, whole), need(picture(JPEG, func(i *Info) { i.Orientation = 6 }), whole), 17},
		"a mirrored picture as well":    {need(jpeg, whole), need(picture(JPEG, func(i *Info) { i.Orientation = 2 }), whole), 17},
		"a larger result":               {need(jpeg, thumbnail), need(jpeg, Params{Width: 1600, Format: JPEG}), 5},
		"an enlarged result":            {need(jpeg, whole), need(jpeg, Params{Width: 6000, Enlarge: true, Format: JPEG}), 50},
		"a JPEG's coefficients":         {need(png, as(PNG, 0)), need(png, as(JPEG, 0)), 1},
		"a JPEG of high quality":        {need(png, as(JPEG, 89)), need(png, as(JPEG, 90)), 17},
		"an AVIF of high quality":       {need(png, as(AVIF, 89)), need(png, as(AVIF, 90)), 50},
		"a WebP's tokens":               {need(png, as(JPEG, 0)), need(png, as(WebP, 0)), 20},
		"a WebP's alpha":                {need(png, as(WebP, 0)), need(picture(PNG, alpha), as(WebP, 0)), 100},
		"a GIF's colours":               {need(png, as(JPEG, 0)), need(png, as(GIF, 0)), 40},
		"the AV1 encoder above all":     {need(png, as(GIF, 0)), need(png, as(AVIF, 0)), 40},
		"a format that nobody knows of": {need(png, as(GIF, 0)), need(png, as(FormatUnknown, 0)), 40},
	} {
		if tc.more-tc.less < tc.apart*mib {
			t.Errorf("%s: %d MiB, and without %d: less than %d apart", name, tc.more/mib, tc.less/mib, tc.apart)
		}
	}
}

// The memory limits that pictor promises to work in are made for these.
func TestWorkingSetOfWhatPeopleSend(t *testing.T) {
	sized := func(i Info, w, h int) Info {
		i.Width, i.Height = w, h
		if i.CoefficientBytes > 0 {
			i.CoefficientBytes = i.Pixels() * 3
		}
		return i
	}
	for name, tc := range map[string]struct {
		info Info
		most int64 // MiB
	}{
		"a small picture":                   {sized(picture(JPEG, nil), 400, 250), 4},
		"a camera's picture":                {sized(picture(JPEG, nil), 6600, 4400), 10},
		"a progressive one of 6 megapixels": {picture(JPEG, multiScan), 29},
		"a progressive one of 24":           {sized(picture(JPEG, multiScan), 6000, 4000), 90},
		"a screenshot":                      {sized(picture(PNG, nil), 2560, 1440), 20},
		"a WebP":                            {picture(WebP, nil), 16},
		"a lossless WebP":                   {picture(WebP, func(i *Info) { i.Lossless = true }), 35},
		"an AVIF of 12 megapixels":          {sized(picture(AVIF, nil), 4240, 2830), 120},
	} {
		if got := need(tc.info, thumbnail); got > tc.most*mib || got < mib {
			t.Errorf("%s: %d MiB, want at most %d", name, got/mib, tc.most)
		}
	}
}

func TestWorkingSetGrowsWithThePicture(t *testing.T) {
	changes := map[string]func(*Info){"plain": nil, "alpha": alpha, "deep": func(i *Info) { i.Bits = 16 },
		"whole": func(i *Info) { i.Interlaced, i.Lossless, i.FullChroma = true, true, true }}
	for _, f := range Inputs {
		for name, change := range changes {
			for _, out := range Outputs {
				last := int64(0)
				for side := 100; side < 1<<22; side *= 2 {
					info := picture(f, change)
					info.Width, info.Height = side, side
					// The whole of it: a thumbnail's decoder may shrink more.
					got := need(info, Params{Format: out})
					if got < last {
						t.Fatalf("%v, %s, to %v: %d MiB at %d pixels a side, %d at half", f, name, out, got/mib, side,
							last/mib)
					}
					last = got
				}
			}
		}
	}
}

func TestWorkingSetSaturates(t *testing.T) {
	const side = 1 << 31
	g := Geometry{Shrink: 1, Scale: 1, LoadWidth: side, LoadHeight: side, ScaledWidth: side / 2, ScaledHeight: side / 2,
		Crop: Rect{Width: side, Height: side}, Angle: 90, Width: side, Height: side}
	for _, f := range Inputs {
		info := Info{Format: f, Width: side, Height: side, Frames: 1, Bands: 4, Bits: 16, Alpha: true,
			CoefficientBytes: math.MaxInt64, AncillaryBytes: math.MaxInt64}
		for _, out := range Outputs {
			set, untouched := WorkingSet(info, g, Params{Format: out}), MappedOnly(info, g, Params{Format: out})
			if set < math.MaxInt64/8 || set%mib != 0 || untouched < 0 || untouched > math.MaxInt64/4 ||
				set+untouched < set {
				t.Errorf("%v to %v: %d and %d", f, out, set, untouched)
			}
		}
	}
}

// The data limit of a worker must let these through.
func TestUntouchedIsOfDecodersThatMapAhead(t *testing.T) {
	for _, f := range Inputs {
		info := picture(f, nil)
		mapped := func(p Params) int64 { return MappedOnly(info, NewGeometry(info, p), p) }
		whole, small := mapped(Params{}), mapped(thumbnail)
		if maps := f == WebP || f.IsHEIF(); (whole > 15*mib) != maps || small > whole {
			t.Errorf("%v: %d, and %d for a thumbnail", f, whole, small)
		}
		if to := mapped(Params{Format: JXL}); to < whole+15*mib {
			t.Errorf("%v to JPEG XL: %d, and %d without an encoder", f, to, whole)
		}
	}
}
