package transform

import (
	"strings"
	"testing"
)

// set reads options of the native dialect without a URL around them.
func set(options string) (p Params, err error) {
	for segment := range strings.SplitSeq(options, "/") {
		name, rest, _ := strings.Cut(segment, ":")
		for _, o := range Options() {
			for _, n := range o.Names {
				if n != name {
					continue
				}
				args := strings.Split(rest, ":")
				if len(args) > o.Most {
					panic(segment + " has too many arguments for its test")
				}
				if err := o.Set(&p, args); err != nil {
					return p, err
				}
			}
		}
	}
	return p.Normalize()
}

// Every option says how it is written; the canonical text is what it was.
func TestOptionsAndTheirTexts(t *testing.T) {
	for options, want := range map[string]string{
		"":                                    "",
		"resize:fill:300:200:1:1:no:5:0.5":    "rt:fill/w:300/h:200/el:1/ex:1:no:5:0.5",
		"rs::300":                             "w:300",
		"rs:force":                            "rt:force",
		"size:300:200:0:0":                    "w:300/h:200",
		"s:300::1":                            "w:300/el:1",
		"resizing_type:fill-down":             "rt:fill-down",
		"width:300/height:200":                "w:300/h:200",
		"min-width:3/mh:4":                    "mw:3/mh:4",
		"zoom:2":                              "z:2",
		"z:2:2":                               "z:2",
		"z:0.5:3":                             "z:0.5:3",
		"z:1":                                 "",
		"z:2/z:1":                             "",
		"dpr:1.5":                             "dpr:1.5",
		"enlarge:t/extend:true:soea":          "el:1/ex:1:soea",
		"ex:0:soea":                           "",
		"ex:1:fp:0.5:0.25":                    "ex:1:fp:0.5:0.25",
		"extend_aspect_ratio:1":               "exar:1",
		"extend_ar:1:no/exar:1":               "exar:1:no",
		"gravity:ce":                          "",
		"g:ce:0:0":                            "",
		"g:ce:-0:-0":                          "",
		"g:noea:10:-0.25":                     "g:noea:10:-0.25",
		"g:sm":                                "g:sm",
		"g:sm:0:0":                            "g:sm",
		"g:fp:0:1":                            "g:fp:0:1",
		"crop:100:0.5":                        "c:100:0.5",
		"c:0:0:no":                            "",
		"c:100:0:no/g:no":                     "g:no/c:100:0",
		"c:100:0:no:1:2":                      "c:100:0:no:1:2",
		"crop_aspect_ratio:1.5":               "car:1.5",
		"crop_ar:1.5:1":                       "car:1.5:1",
		"car:0:1":                             "",
		"car:1/c:0:0:no":                      "c:0:0:no/car:1",
		"trim:10":                             "t:10",
		"t:10:FF00ff":                         "t:10:ff00ff",
		"t:10:f0f:1":                          "t:10:ff00ff:1:0",
		"t:10::0:1":                           "t:10::0:1",
		"t::f0f:1:1":                          "",
		"t:10/t:":                             "",
		"padding:10":                          "pd:10:10:10:10",
		"pd:1:2":                              "pd:1:2:1:2",
		"pd:1:2:3":                            "pd:1:2:3:2",
		"pd:1:2:3:4":                          "pd:1:2:3:4",
		"pd:1::3":                             "pd:1:1:3:1",
		"pd:0":                                "",
		"auto_rotate:0":                       "ar:0",
		"rotate:-90":                          "rot:270",
		"rot:720":                             "",
		"flip:1":                              "fl:1:0",
		"fl:0:1":                              "fl:0:1",
		"fl::1":                               "fl:0:1",
		"background:ff8800":                   "bg:ff8800",
		"bg:f80":                              "bg:ff8800",
		"bg:255:136:0":                        "bg:ff8800",
		"bg:ff8800/bg:":                       "",
		"background_alpha:0.5":                "",
		"bg:000/bga:0.5":                      "bg:000000/bga:0.5",
		"bg:000/bga:1":                        "bg:000000",
		"bg:000/bga:0":                        "bg:000000/bga:0",
		"adjust:10:1.5:0":                     "br:10/co:1.5/sa:0",
		"a::2":                                "co:2",
		"brightness:-255":                     "br:-255",
		"contrast:1":                          "",
		"saturation:0":                        "sa:0",
		"monochrome:0.5":                      "mc:0.5:b3b3b3",
		"mc:1:f00":                            "mc:1:ff0000",
		"mc:0:f00":                            "",
		"blur:2.5":                            "bl:2.5",
		"sharpen:0.7":                         "sh:0.7",
		"pixelate:5":                          "pix:5",
		"pix:1":                               "",
		"watermark:0.5":                       "wm:0.5:ce:0:0:0",
		"wm:1:re:10:20:0.3":                   "wm:1:re:10:20:0.3",
		"wm:0:re:10:20:0.3":                   "",
		"wm:1:::0.5":                          "wm:1:ce:0:0.5:0",
		"round_corners:12":                    "rc:12",
		"mask:circle":                         "mk:circle",
		"mk:circle/mk:none":                   "",
		"strip_metadata:0":                    "sm:0",
		"keep_copyright:0":                    "kcr:0",
		"strip_color_profile:0":               "scp:0",
		"preserve_hdr:1":                      "ph:1",
		"enforce_thumbnail:1":                 "eth:1",
		"quality:50":                          "q:50",
		"format_quality:webp:50:jpg:60":       "fq:jpg:60:webp:50",
		"fq:jpeg:60/fq:avif:30":               "fq:jpg:60:avif:30",
		"fq:jpg:0":                            "",
		"max_bytes:1000":                      "mb:1000",
		"autoquality:size:10240":              "aq:size:10240",
		"aq:dssim:0.02:10:80:0.001":           "aq:dssim:0.02:10:80:0.001",
		"aq:ssimulacra2:80::90":               "aq:ssimulacra2:80::90",
		"aq:ssimulacra2:72.5:::0.25":          "aq:ssimulacra2:72.5:::0.25",
		"aq:size:1000000":                     "aq:size:1000000",
		"aq:size:1/aq:none":                   "",
		"format:jpeg":                         "f:jpg",
		"ext:avif":                            "f:avif",
		"f:webp/f:best":                       "f:best",
		"f:best:webp:jpeg":                    "f:best:jpg:webp",
		"f:best/f:png":                        "f:png",
		"jpeg_options:1":                      "jpgo:1:0",
		"jpgo:0:1":                            "jpgo:0:1",
		"png_options:1":                       "pngo:1:0:",
		"pngo:0:1:256:6":                      "pngo:0:1::6",
		"pngo:0:1:16:9":                       "pngo:0:1:16:9",
		"pngo:0:0:16":                         "",
		"webp_options:lossless":               "webpo:lossless:0:default",
		"webpo:near_lossless:1:photo:6":       "webpo:near_lossless:1:photo:6",
		"webpo:lossy:0:default:4":             "",
		"webpo::::0":                          "webpo:lossy:0:default:0",
		"avif_options:off":                    "avifo:off:",
		"avifo::8:1":                          "avifo:auto:8:1",
		"avifo:auto:1":                        "",
		"skip_processing:png:jpg/skp:avif":    "skp:jpg:png:avif",
		"raw:1":                               "raw:1",
		"max_result_dimension:100":            "mrd:100",
		"disable_animation:1/page:2":          "da:1/pg:2",
		"da:t/max_frames:5":                   "da:1",
		"max_frames:5/pg:0":                   "mf:5",
		"f:gif/mf:5/da:0":                     "f:gif/mf:5",
		"f:png/mf:5/da:1/pg:3":                "f:png/pg:3",
		"w:1/w:2":                             "w:2",
		"s:10:20/rs:fill::30":                 "rt:fill/w:10/h:30",
		"el:1/enlarge:0":                      "",
		"bl:1e-3":                             "bl:0.001",
		"rs:fill:100:100::::/g:we":            "rt:fill/w:100/h:100/g:we",
		"c:0.3333333333333333:1e1/g:no:1e2:0": "g:no:100:0/c:0.3333333333333333:10",
	} {
		p, err := set(options)
		if err != nil {
			t.Errorf("%s: %v", options, err)
			continue
		}
		if got := p.String(); got != want {
			t.Errorf("%s: %q, want %q", options, got, want)
		}
		if again, err := set(p.String()); err != nil || again != p {
			t.Errorf("%s: %+v becomes %+v, %v", options, p, again, err)
		}
	}
}

func TestOptionsNameWhatIsWrong(t *testing.T) {
	for options, want := range map[string]string{
		"rs:fill:x": "whole number", "rs:fill:1:1:maybe": "1 or 0", "rs:fill:1:1:1:1:xx": "is not one of ce", "s:1:1:1:maybe": "1 or 0",
		"rt:zoom": "fill-down", "w:-1": "0 to 65535", "mw:70000": "0 to 65535", "z:0": "above 0", "z:1:101": "up to 100", "z:": "above 0",
		"dpr:0": "above 0", "dpr:inf": "above 0", "el:2": "1 or 0", "ex:x": "1 or 0", "ex:1:sm": "is not one of", "ex:1:fp": "fp needs two",
		"g:re": "is not one of", "g:fp:2:1": "from 0 to 1", "g:sm:1": "from 0 to 0", "g:no:x": "is not a number", "g:no:nan": "is not a number",
		"c:-1": "is not a number", "c:1:1:xx": "is not one of", "c:1e9": "to 65535", "car:-1": "is not a number", "t:256": "to 255", "t:x": "is not a number",
		"t:10:red": "hexadecimal", "t:10:ffff": "hexadecimal", "t:10:+fffff": "hexadecimal", "pd:x": "whole number", "pd:1:1:1:-1": "whole number",
		"ar:x": "1 or 0", "rot:45": "multiple of 90", "fl:x": "1 or 0", "bg:1:2": "three numbers", "bg:256:0:0": "255", "bg:gg0000": "hexadecimal",
		"bga:2": "from 0 to 1", "br:256": "-255 to 255", "br:0.5": "-255 to 255", "co:-1": "is not a number", "sa:x": "is not a number", "mc:2": "from 0 to 1",
		"mc:1:x": "hexadecimal", "bl:-1": "to 1000", "bl:0x10": "to 1000", "bl:1_0": "to 1000", "sh:11": "to 10", "pix:-1": "whole number",
		"wm:2": "from 0 to 1", "wm:1:sm": "sowe, re", "wm:1:fp": "sowe, re", "wm:1:ce:0:0:-1": "to 10", "rc:-1": "is not a number", "mk:star": "none, circle, ellipse",
		"sm:x": "1 or 0", "kcr:x": "1 or 0", "scp:x": "1 or 0", "ph:x": "1 or 0", "eth:x": "1 or 0", "q:101": "0 to 100", "fq:jpg": "pairs",
		"fq:tiff:1": "is not one of", "fq:jpg:101": "0 to 100", "mb:-1": "whole number",
		"aq:ml:0.5": "imgproxy Pro", "aq:x:1": "is not one of none, size", "aq:size": "needs a target", "aq:size:": "needs a target", "aq:size:1.5": "whole number",
		"aq:size:0": "too small", "aq:dssim:0": "above 0", "aq:dssim:1.1": "up to 1", "aq:ssimulacra2:101": "up to 100", "aq:ssimulacra2:nan": "up to 100",
		"aq:size:9:101": "0 to 100", "aq:size:9:80:70": "is above", "aq:dssim:0.1:::-1": "is not a number", "f:tiff": "is not one of jpg, png", "f:jpg:png": "only best", "f:best:gif": "is not one of jpg, png, webp, jxl, avif",
		"f:best/aq:size:9": "takes a score", "jpgo:x": "1 or 0",
		"pngo:0:1:1": "2 to 256", "pngo:0:1:257": "0 to 256", "pngo:0:0::10": "0 to 9", "webpo:lossy:x": "1 or 0", "webpo:x": "near_lossless",
		"webpo:::x": "drawing", "webpo::::7": "0 to 6", "avifo:x": "auto, on, off", "avifo::10": "0 to 9", "skp:x": "is not one of", "raw:x": "1 or 0", "mrd:x": "whole number", "da:x": "1 or 0",
		"pg:-1": "0 to 4095", "pg:4096": "0 to 4095", "mf:4097": "0 to 4096",
	} {
		if p, err := set(options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want %q", options, p, err, want)
		}
	}
}

func TestEveryOptionIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Options() {
		for _, name := range o.Names {
			if seen[name] {
				t.Errorf("%s is two options", name)
			}
			seen[name] = true
		}
		if o.Most < 1 || o.Args == "" || o.Usage.Text == "" || o.Set == nil {
			t.Errorf("%s is not described", o.Names[0])
		}
		if o.Example != "" {
			if _, err := set(o.Example); err != nil {
				t.Errorf("%s: its example: %v", o.Names[0], err)
			}
		}
	}
}

// What an option's step takes is in the estimate.
func TestSharesOfTheEstimate(t *testing.T) {
	info := Info{Format: JPEG, Width: 4000, Height: 3000, Orientation: 1, Frames: 1, Bands: 3, Bits: 8, Scans: 1}
	deep := info
	deep.Format, deep.Bits = PNG, 16
	glass := info
	glass.Format, glass.Bands, glass.Alpha = PNG, 4, true
	for _, tc := range []struct {
		less, more string
		apart      int64 // MiB
		info       Info
	}{
		{"w:2000", "w:2000/bl:5", 10, info}, // its frame
		{"w:2000/bl:5", "w:2000/bl:100", 2, info},
		{"w:2000", "w:2000/sh:1", 12, info},
		{"w:2000", "w:2000/pix:20", 8, info},
		{"w:2000", "w:2000/rot:90", 8, info},
		{"w:2000/rot:90", "w:2000/rot:90/fl:1", 0, info},
		{"w:2000/rot:90", "w:2000/rot:90/bl:1", 10, info},
		{"w:2000/rot:90", "w:2000/rot:90/sh:0.1", 3, info},
		{"rs:fill:1500:1500", "rs:fill:1500:1500/g:sm", 8, info},
		{"c:0.5:0.5/w:2000", "c:0.5:0.5:sm/w:2000", 30, info}, // all that is loaded
		{"w:2000/f:webp", "w:2000/pd:10/f:webp", 12, info},    // it becomes transparent
		{"w:2000/f:jpg", "w:2000/pd:500/f:jpg", 15, info},
		{"w:2000", "w:2000/wm:1", 8, info},
		{"w:2000/f:webp", "w:2000/rc:10/f:webp", 12, info},
		{"w:2000/f:jpg", "w:2000/f:jpg/jpgo:1", 3, info},
		{"w:2000/f:jpg", "w:2000/f:jpg/jpgo:0:1", 10, info},
		{"w:2000/f:png", "w:2000/f:png/pngo:1", 8, info},
		{"w:2000/f:png", "w:2000/f:png/pngo:0:1", 20, info},
		{"w:2000/f:webp", "w:2000/f:webp/webpo:lossless", 70, info},
		{"w:380/f:webp", "w:380/f:webp/webpo:lossless", 25, info}, // tiles, whatever the size
		{"w:200/f:webp/webpo:lossless", "w:200/f:webp/webpo:lossless:0:default:6", 15, info},
		{"w:380/f:webp", "w:380/f:webp/webpo::::6", 0, info},
		{"w:380/f:webp", "w:380/f:webp/webpo::::6", 10, glass},
		{"w:2000/f:avif", "w:2000/f:avif/avifo:off", 60, info},
		{"w:2000/f:avif", "w:2000/f:avif/avifo::4", 20, info},
		{"w:2000/f:jpg", "w:2000/f:jpg/mb:1000", 8, info},
		{"w:2000/f:png", "w:2000/f:png/mb:1000", 0, info},
		{"w:2000/f:jpg/aq:size:1000::95", "w:2000/f:jpg/q:95", 4, info}, // no rows beside the encoder
		{"w:2000/f:jpg/aq:size:1000::80", "w:2000/f:jpg/aq:size:1000::95", 8, info},
		{"w:2000/f:jpg/jpgo:1/aq:size:1000::80", "w:2000/f:jpg/jpgo:1/aq:ssimulacra2:80::80", 8, info},
		{"w:2000/f:jpg/aq:size:1000::95", "w:2000/f:jpg/aq:ssimulacra2:80", 0, info}, // the encoder takes more
		{"w:2000/f:png", "w:2000/f:png/aq:ssimulacra2:80", 0, info},
		{"w:2000/f:png", "w:2000/f:png/ph:1", 8, deep},
		{"w:2000/f:png", "w:2000/f:png/ph:1", 0, info},
		{"w:2000/f:webp/bg:fff", "w:2000/f:webp", 40, glass},
		{"w:2000/mc:1", "w:2000/mc:1/a:10:1:1", 0, info},
	} {
		less, more := shareOf(t, tc.info, tc.less), shareOf(t, tc.info, tc.more)
		if more-less < tc.apart*mib || tc.apart == 0 && more != less {
			t.Errorf("%s takes %d MiB and %s %d: want %d more", tc.less, less/mib, tc.more, more/mib, tc.apart)
		}
	}
	g := Geometry{Width: 1000, Height: 1000}
	mark := Info{Format: PNG, Width: 2000, Height: 1000, Frames: 1, Bands: 4, Bits: 8, Alpha: true, Orientation: 1}
	if WatermarkWorkingSet(mark, g, Params{}) != 0 ||
		WatermarkWorkingSet(mark, g, Params{Watermark: Watermark{Opacity: 1}}) < 8*mib {
		t.Error("a watermark's own picture is not in the estimate")
	}
	if small, large := TrimWorkingSet(Info{Format: JPEG, Width: 100, Height: 100, Bands: 3, Frames: 1}, Params{}),
		TrimWorkingSet(info, Params{}); small > 4*mib || large < 12*mib {
		t.Errorf("a look at little takes %d MiB, at much %d", small/mib, large/mib)
	}
}

func shareOf(t *testing.T, info Info, options string) int64 {
	t.Helper()
	p, err := set(options)
	if err != nil {
		t.Fatal(err)
	}
	if p.Format == FormatUnknown {
		p.Format = JPEG
	}
	return WorkingSet(info, NewGeometry(info, p), p)
}
