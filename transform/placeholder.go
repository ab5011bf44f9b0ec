package transform

import "strings"

// Placeholder is what a result has beside it, to stand for it until it is there.
type Placeholder uint8

// The placeholders. BlurHash has 4 components across and 3 down, ThumbHash is in base64, and the mean colour, on white,
// is as CSS writes it.
const (
	NoPlaceholder Placeholder = iota
	ThumbHash
	BlurHash
	MeanColour
)

var placeholders = []string{NoPlaceholder: "none", ThumbHash: "thumbhash", BlurHash: "blurhash", MeanColour: "color"}

// String is the name in URLs, "none" for NoPlaceholder.
func (p Placeholder) String() string { return nameOf(placeholders, int(p)) }

// On says whether there is to be one.
func (p Placeholder) On() bool { return p != NoPlaceholder }

// maxPlaceholder is the length of the longest text: a ThumbHash of 25 bytes has 36, a BlurHash of 4 by 3 components 28.
const maxPlaceholder = 36

// What the texts of placeholders are made of.
const (
	digits64    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
	digits83    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
	hexadecimal = "#0123456789abcdef"
)

// Possible says whether a text can be that of the placeholder: of its characters, which a header may have, and no
// longer than it can be.
func (p Placeholder) Possible(text string) bool {
	of := [...]string{"", digits64, digits83, hexadecimal}
	return text != "" && len(text) <= maxPlaceholder && int(p) < len(of) && strings.Trim(text, of[p]) == ""
}

var placeholderOption = Option{
	Usage: Usage{
		Names: []string{"placeholder", "plh"}, Args: "type", Most: 1, Default: "none",
		Text: "Has the response with the image say in a header what can stand for the image until it is there. The " +
			"text is what the [format](#format) of the same name gives.\n\n" +
			"- `thumbhash`: `Pictor-Thumbhash`, in base64.\n" +
			"- `blurhash`: `Pictor-Blurhash`, of 4 components across and 3 down.\n" +
			"- `color`: `Pictor-Color`, the mean colour on white, such as `#8b8479`.\n" +
			"- `none`: no such header.\n\n" +
			"It is made of the finished image before that is encoded, of an animation of its first frame, and " +
			"costs no second decode. Sources that are served unchanged (`raw`, `skip_processing`, an SVG as it " +
			"is) are not decoded, and have none; neither have errors and images in their place. Has no effect on " +
			"formats that are placeholders themselves. [More](info.md#placeholders-in-a-header).",
	},
	Set: func(p *Params, args []string) error { return wordTo(&p.Placeholder, placeholders)(args[0]) },
	Text: func(p Params) string {
		if !p.Placeholder.On() {
			return ""
		}
		return p.Placeholder.String()
	},
	// Sums of up to 100 by 100 pixels, the small image, its way to sRGB, and waves of it.
	ExtraBytes: func(w CostInput) float64 {
		if !w.Out.Placeholder.On() {
			return 0
		}
		const rows = 2 * 4 * 4 // a row of sums for two threads, in floats of four bands
		return 3*mib + rows*float64(w.Plan.Width)
	},
}
