package signedurl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// Meta asks for facts about an image instead of the image.
type Meta struct {
	// Form is that of the response: JSON as a dialect has it ("thumbor", "imagor", "imaginary"), InfoForm, or one of
	// Placeholders; "" for the image.
	Form string
	// Facts are those that InfoForm tells.
	Facts Facts
}

// InfoForm is the JSON of paths below /info/, as imgproxy Pro has it.
const InfoForm = "info"

// The placeholders that stand for an image until it is there, by the names of their formats.
const (
	FormBlurhash  = "blurhash"
	FormThumbhash = "thumbhash"
	// FormLQIP is a data: URL of a tiny image.
	FormLQIP = "lqip"
	// FormColour is the mean colour.
	FormColour = "color"
)

// Placeholders are all of them.
var Placeholders = []string{FormBlurhash, FormThumbhash, FormLQIP, FormColour}

// InfoMark begins the path of a request for facts: /info/SIGNATURE/OPTIONS/SOURCE. It is not signed, so that
// signatures are those of imgproxy Pro.
const InfoMark = "info"

// Facts are what a path below /info/ asks about an image.
type Facts struct {
	Asked FactSet
	// Expected is the hashsum that the source must have, as "sha256:HEX"; "" for any.
	Expected string
	// Palette is the most colours of the palette, 0 for none.
	Palette int
	// BlurhashX and BlurhashY are the components of the BlurHash each way, 0 for none.
	BlurhashX, BlurhashY int
	// Crop is an area whose place is told; zero for none.
	Crop transform.Crop
}

// NeedPixels says whether some of the facts are about pixels, so that the image must be decoded.
func (f Facts) NeedPixels() bool { return f.Asked&pixelFacts != 0 || f.Palette > 0 || f.BlurhashX > 0 }

// FactSet is a set of facts, and of the ways to tell them.
type FactSet uint32

// The facts, by imgproxy's names.
const (
	FactSize FactSet = 1 << iota
	FactFormat
	FactDimensions
	FactColourSpace
	FactBands
	FactSampleFormat
	FactPages
	FactAlpha
	FactMD5
	FactSHA1
	FactSHA256
	FactSHA512
	// FactTransparency adds to FactAlpha whether some pixel is not opaque.
	FactTransparency
	FactAverage
	// FactCountTransparent has FactAverage count what is fully transparent, too.
	FactCountTransparent
	FactDominant
	// FactBuildMissed has FactDominant make the colours that the image has not.
	FactBuildMissed
	FactThumbHash
	FactPerceptualHash
	FactEXIF
	// FactCanonicalNames has FactEXIF use the names of the standard instead of titles for people.
	FactCanonicalNames
	FactIPTC
	FactXMP
	// FactProfile is the name of the colour profile.
	FactProfile
)

// MetadataFacts are those that are read from metadata in the file.
const MetadataFacts = FactEXIF | FactIPTC | FactXMP | FactProfile

const pixelFacts = FactTransparency | FactAverage | FactDominant | FactThumbHash | FactPerceptualHash

// defaultFacts are told unless a path says otherwise. imgproxy tells EXIF, IPTC and XMP as well: here a path asks for
// them, as the signature of an image is one of its facts, too, and they may say where a photograph was taken.
const defaultFacts = FactSize | FactFormat | FactDimensions

// hashsumFact is a type of hashsums, of so many hexadecimal digits.
type hashsumFact struct {
	name   string
	fact   FactSet
	digits int
}

// hashsumFacts are in the order of canonical texts.
var hashsumFacts = []hashsumFact{
	{"md5", FactMD5, 32}, {"sha1", FactSHA1, 40}, {"sha256", FactSHA256, 64}, {"sha512", FactSHA512, 128},
}

// hashsumOf finds a type by its name.
func hashsumOf(name string) (hashsumFact, error) {
	for _, h := range hashsumFacts {
		if h.name == name {
			return h, nil
		}
	}
	return hashsumFact{}, fmt.Errorf("%s is none of md5, sha1, sha256, sha512", transform.Quote(name))
}

// Has says whether all of some facts are asked for.
func (f FactSet) Has(some FactSet) bool { return f&some == some }

// factOption is an option of paths below /info/.
type factOption struct {
	transform.Usage
	set func(f *Facts, args []string) error
	// text is the inverse of set: "" where that is the default.
	text func(f Facts) string
	// isOn says whether the facts of the option are asked for.
	isOn func(f Facts) bool
}

// factSwitch is an option of which the first argument is a switch for a fact, and others, which may be left out, are
// switches for ways to tell it.
func factSwitch(text, args string, names []string, facts ...FactSet) factOption {
	usage := transform.Usage{Names: names, Args: args, Most: len(facts), Default: "0", Text: text}
	if defaultFacts.Has(facts[0]) {
		usage.Default = "1"
	}
	return factOption{Usage: usage,
		set: func(f *Facts, args []string) error {
			for i, a := range args {
				if a == "" {
					continue
				}
				on, err := transform.ParseBool(a)
				switch {
				case err != nil:
					return err
				case on:
					f.Asked |= facts[i]
				default:
					f.Asked &^= facts[i]
				}
			}
			return nil
		},
		text: func(f Facts) string { return switchText(f.Asked, facts) },
		isOn: func(f Facts) bool { return f.Asked.Has(facts[0]) },
	}
}

// switchText is the arguments of an option of switches; "" where they are the default.
func switchText(asked FactSet, facts []FactSet) string {
	var text []string
	same := true
	for _, fact := range facts {
		on := asked.Has(fact)
		same = same && on == defaultFacts.Has(fact)
		text = append(text, map[bool]string{true: "1", false: "0"}[on])
	}
	if same {
		return ""
	}
	return strings.Join(text, ":")
}

// factOptions are all of them, in the order of canonical texts.
var factOptions = []factOption{
	factSwitch("Size of the file in bytes (`size`).", "switch", []string{"size", "s"}, FactSize),
	factSwitch("Format and media type (`format`, `mime_type`).", "switch", []string{"format", "f"}, FactFormat),
	factSwitch("Width and height in pixels as shown, and the EXIF orientation (`width`, `height`, `orientation`).",
		"switch", []string{"dimensions", "d"}, FactDimensions),
	factSwitch("EXIF (`exif`), as plain numbers and text. `canonical_names` 1 gives the names of the standard.",
		"switch:canonical_names", []string{"exif"}, FactEXIF, FactCanonicalNames),
	factSwitch("IPTC (`iptc`).", "switch", []string{"iptc"}, FactIPTC),
	factSwitch("XMP by prefix and name (`xmp`).", "switch", []string{"xmp"}, FactXMP),
	factSwitch("Colour space by libvips' names: `srgb`, `rgb16`, `b-w`, `grey16`, `cmyk` (`colorspace`).", "switch",
		[]string{"colorspace", "cs"}, FactColourSpace),
	factSwitch("Name of the colour profile in a JPEG, PNG or WebP (`profile`).", "switch", []string{"profile", "icc"},
		FactProfile),
	factSwitch("Number of channels, with alpha (`bands`).", "switch", []string{"bands", "b"}, FactBands),
	factSwitch("Type of samples by libvips' names: `uchar`, `ushort` (`sample_format`).", "switch",
		[]string{"sample_format", "sf"}, FactSampleFormat),
	factSwitch("Number of pages or frames (`pages_number`).", "switch", []string{"pages_number", "pn"}, FactPages),
	factSwitch("Whether there is an alpha channel (`alpha`), and whether some pixel is not opaque (`transparent`).",
		"switch:transparency", []string{"alpha", "a"}, FactAlpha, FactTransparency),
	cropFact, paletteOption, averageOption,
	factSwitch("Dominant colours by their kind (`dominant_colors`). `build_missed` makes those that the image has not.",
		"switch:build_missed", []string{"dominant_colors", "dc"}, FactDominant, FactBuildMissed),
	blurhashOption,
	factSwitch("ThumbHash in hexadecimal (`thumb_hash`).", "switch", []string{"thumb_hash", "th"}, FactThumbHash),
	factSwitch("Perceptual hash in hexadecimal (`perceptual_hash`).", "switch",
		[]string{"perceptual_hash", "phash", "ph"}, FactPerceptualHash),
	hashsumsOption, hashsumOption,
}

var hashsumsOption = factOption{
	Usage: transform.Usage{Names: []string{"calc_hashsums", "chs"}, Args: "type:…", Most: len(hashsumFacts),
		Default: "none", Text: "Hashsums of the file: `md5`, `sha1`, `sha256`, `sha512` (`hashsums`)."},
	set: func(f *Facts, args []string) error {
		f.Asked &^= FactMD5 | FactSHA1 | FactSHA256 | FactSHA512
		for _, a := range args {
			h, err := hashsumOf(a)
			if err != nil {
				return err
			}
			f.Asked |= h.fact
		}
		return nil
	},
	text: func(f Facts) string {
		var names []string
		for _, h := range hashsumFacts {
			if f.Asked.Has(h.fact) {
				names = append(names, h.name)
			}
		}
		return strings.Join(names, ":")
	},
	isOn: func(f Facts) bool { return f.Asked&(FactMD5|FactSHA1|FactSHA256|FactSHA512) != 0 },
}

var hashsumOption = factOption{
	Usage: transform.Usage{Names: []string{"hashsum", "hs"}, Args: "type:hex", Most: 2, Default: "`none`",
		Text: "Hashsum that the file must have, of one of these types. Another file is a 422 `wrong-hashsum`."},
	set: func(f *Facts, args []string) error {
		if f.Expected = ""; args[0] == "none" {
			return nil
		}
		if len(args) < 2 {
			return errors.New("the hashsum is missing")
		}
		h, err := hashsumOf(args[0])
		if err != nil {
			return err
		}
		sum := strings.ToLower(args[1])
		if len(sum) != h.digits || strings.Trim(sum, "0123456789abcdef") != "" {
			return fmt.Errorf("a hashsum of type %s has %d hexadecimal digits", h.name, h.digits)
		}
		f.Expected = h.name + ":" + sum
		return nil
	},
	text: func(f Facts) string { return f.Expected },
	isOn: func(f Facts) bool { return f.Expected != "" },
}

// Names are the options whose facts are asked for.
func (f Facts) Names() (names []string) {
	for _, o := range factOptions {
		if o.isOn(f) {
			names = append(names, o.Names[0])
		}
	}
	return names
}

// writeOptions writes the options that say what f says.
func (f Facts) writeOptions(b *strings.Builder) {
	for _, o := range factOptions {
		if text := o.text(f); text != "" {
			b.WriteString(o.Short() + ":" + text + "/")
		}
	}
}
