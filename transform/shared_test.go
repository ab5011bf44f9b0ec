package transform

import "testing"

func TestShareDecode(t *testing.T) {
	thumbnailed := picture(AVIF, func(i *Info) { i.ThumbWidth, i.ThumbHeight = 200, 150 })
	trim := Params{Format: JPEG, Width: 300}
	trim.Trim.On = true
	crop := Params{Format: JPEG, Width: 300, Crop: Crop{Width: 400, Height: 400}}
	inside := Params{Width: 100, EnforceThumbnail: true}
	smart := Params{Mode: Fill, Width: 90, Height: 200, Gravity: At(Smart)}
	for name, tc := range map[string]struct {
		info    Info
		outputs []Params
		want    SharedDecode
		not     bool
	}{
		"one alone": {info: picture(JPEG, nil), outputs: []Params{{Width: 300}}, not: true},
		"a JPEG at the shrink of the largest": {info: picture(JPEG, nil),
			outputs: []Params{{Width: 300}, {Width: 900}, {Width: 40}},
			want:    SharedDecode{Output: 1, Shrink: 2, Scale: 1, Width: 1500, Height: 1000, Halvings: 2}},
		"two of one shrink": {info: picture(JPEG, nil), outputs: []Params{{Width: 300}, {Width: 310}},
			want: SharedDecode{Output: 0, Shrink: 4, Scale: 1, Width: 750, Height: 500}},
		"a WebP at the scale of the largest": {info: picture(WebP, nil), outputs: []Params{{Width: 300}, {Width: 1500}},
			want: SharedDecode{Output: 1, Shrink: 1, Scale: 0.8, Width: 2400, Height: 1600}},
		"a PNG whole": {info: picture(PNG, nil), outputs: []Params{{Width: 300}, {Width: 1500}},
			want: SharedDecode{Output: 0, Shrink: 1, Scale: 1, Width: 3000, Height: 2000}},
		"one inside of a border":   {info: picture(JPEG, nil), outputs: []Params{{Width: 300}, trim}, not: true},
		"one of a small part":      {info: picture(JPEG, nil), outputs: []Params{{Width: 300}, crop}, not: true},
		"one that follows details": {info: picture(JPEG, nil), outputs: []Params{{Width: 300}, smart}, not: true},
		"one of the thumbnail":     {info: thumbnailed, outputs: []Params{{Width: 300}, inside}, not: true},
		"others of the thumbnail":  {info: thumbnailed, outputs: []Params{inside, inside}, not: true},
	} {
		for i := range tc.outputs {
			tc.outputs[i].Format = JPEG
		}
		d, ok := ShareDecode(tc.info, tc.outputs)
		if ok == tc.not || ok && d != tc.want {
			t.Errorf("%s: %+v, %v; want %+v", name, d, ok, tc.want)
		}
		if !ok {
			continue
		}
		for _, p := range tc.outputs {
			g, own := d.Geometry(tc.info, p), NewGeometry(tc.info, p)
			if g.Width != own.Width || g.Height != own.Height || g.Shrink != own.Shrink {
				t.Errorf("%s: %+v is planned as %+v, alone as %+v", name, p, g, own)
			}
			if tc.info.Format == JPEG && d.Shrink<<d.HalvingsOf(g) != own.Shrink {
				t.Errorf("%s: decoded at %d and halved %d times, alone decoded at %d", name,
					d.Shrink, d.HalvingsOf(g), own.Shrink)
			}
		}
	}
}

// Outputs that do not agree on a profile each have lcms' tables of the way out of CMYK.
func TestSharedCMYKCountsItsTables(t *testing.T) {
	p := Params{Width: 2000, Format: WebP}
	of := func(f Format) int64 {
		info := picture(f, func(i *Info) { i.Bands = 4 })
		return SharedDecode{Shrink: 1, Scale: 1, Width: 3000, Height: 2000}.outputBytes(info, NewGeometry(info, p), p)
	}
	if inks, others := of(JPEG), of(PNG); inks-others < 5*mib {
		t.Errorf("%d MiB, %d without inks", inks/mib, others/mib)
	}
}

// What is shared counts once, and the outputs one after the other.
func TestWorkingSetOfASharedDecode(t *testing.T) {
	info := picture(JPEG, nil)
	small, large := Params{Width: 300, Format: JPEG}, Params{Width: 2000, Format: WebP}
	of := func(outputs ...Params) int64 { return JobWorkingSet(Job{Info: info, Outputs: outputs}) }
	const frame = 3000 * 2000 * 3
	if got, alone := of(small), need(info, small); got != alone {
		t.Errorf("one output: %d, want its WorkingSet, %d", got, alone)
	}
	got, alone := of(small, large), need(info, large)
	if got < frame || got > alone+frame*8/5 {
		t.Errorf("%d MiB, want no more than %d and the decoded frame of %d", got/mib, alone/mib, frame/mib)
	}
	// Of several scans coefficients are there while the frame is decoded.
	if n := JobWorkingSet(Job{Info: picture(JPEG, multiScan), Outputs: []Params{small, large}}); n < 2*frame {
		t.Errorf("of several scans: %d MiB", n/mib)
	}
	if more := of(small, small, large, small, large); more != got {
		t.Errorf("more outputs of the same sizes: %d MiB, want %d", more/mib, got/mib)
	}
	marked := large
	marked.Watermark.Opacity = 1
	job := Job{Info: info, Outputs: []Params{marked}, WatermarkInfo: picture(PNG, nil), Watermark: someSource{}}
	if with, without := JobWorkingSet(job), of(large); with <= without {
		t.Errorf("%d MiB with a watermark, %d without", with/mib, without/mib)
	}
}

type someSource struct{ Source }
