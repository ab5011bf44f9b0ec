package cloudflare

import (
	"fmt"
	"math"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// colorNames are the colours of CSS 1 and some that are common beside them.
var colorNames = map[string]string{"black": "000000", "silver": "c0c0c0", "gray": "808080", "grey": "808080",
	"white": "ffffff", "maroon": "800000", "red": "ff0000", "purple": "800080", "fuchsia": "ff00ff",
	"magenta": "ff00ff", "green": "008000", "lime": "00ff00", "olive": "808000", "yellow": "ffff00", "navy": "000080",
	"blue": "0000ff", "teal": "008080", "aqua": "00ffff", "cyan": "00ffff", "orange": "ffa500", "pink": "ffc0cb",
	"brown": "a52a2a", "gold": "ffd700", "beige": "f5f5dc", "ivory": "fffff0", "snow": "fffafa", "tan": "d2b48c",
	"whitesmoke": "f5f5f5", "lightgray": "d3d3d3", "lightgrey": "d3d3d3", "darkgray": "a9a9a9", "darkgrey": "a9a9a9"}

// readColor reads a colour of CSS: #rgb, #rrggbb, a name, rgb() or rgba().
func readColor(text string) (b transform.Background, err error) {
	b.On = true
	text = strings.ToLower(strings.TrimSpace(text))
	hex, isHex := strings.CutPrefix(text, "#")
	switch {
	case isHex:
		b.Color, err = transform.ParseColor(hex)
	case text == "transparent":
		b.Sheer = true
	case colorNames[text] != "":
		b.Color, err = transform.ParseColor(colorNames[text])
	case strings.HasPrefix(text, "rgb") && strings.HasSuffix(text, ")"):
		return readFunction(text)
	default:
		err = notOneOf(text, "#rrggbb, a colour name of CSS, rgb(r,g,b) and rgba(r,g,b,alpha)")
	}
	return b, err
}

// readFunction reads rgb(r,g,b) and rgba(r,g,b,alpha). Numbers are separated by commas or blanks.
func readFunction(text string) (b transform.Background, err error) {
	b.On = true
	name, arguments, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	numbers := strings.FieldsFunc(arguments, func(r rune) bool { return r == ',' || r == ' ' || r == '/' })
	if name != "rgb" && name != "rgba" || len(numbers) != 3 && len(numbers) != 4 {
		return b, fmt.Errorf("%s is not rgb(r,g,b) or rgba(r,g,b,alpha)", transform.Quote(text))
	}
	for i, number := range numbers[:3] {
		var v float64
		if err := decimalTo(&v, number, 0, 255); err != nil {
			return b, err
		}
		b.Color[i] = uint8(math.Round(v))
	}
	if len(numbers) == 4 {
		b.Sheer = true
		err = decimalTo(&b.Alpha, numbers[3], 0, 1)
	}
	return b, err
}
