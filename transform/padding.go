package transform

import "fmt"

// Padding is space around an image, in pixels before DPR.
type Padding struct {
	Top    int `json:",omitzero"`
	Right  int `json:",omitzero"`
	Bottom int `json:",omitzero"`
	Left   int `json:",omitzero"`
}

var paddingOption = Option{
	Usage: Usage{
		Names: []string{"padding", "pd"}, Args: "top:right:bottom:left", Most: 4, Default: "0",
		Text: "Space around the image in pixels, 0 to 65535, in addition to `width` and `height`. It is multiplied " +
			"by `dpr`. As in CSS, a missing side is equal to the opposite side. The space has the colour of " +
			"`background`. Without `background` it is transparent, or white if the format has no transparency.",
		Example: "w:120/pd:10:20/bg:446688",
	},
	Set: func(p *Params, args []string) error {
		var sides [4]int
		for i, to := range []int{0, 0, 0, 1} { // CSS 2.1 §8.4: who is left out follows whom
			sides[i] = sides[to]
			if i == 2 {
				sides[i] = sides[0]
			}
			if i < len(args) && args[i] != "" {
				if err := wholeTo(&sides[i], MaxDimension)(args[i]); err != nil {
					return err
				}
			}
		}
		p.Padding = Padding{sides[0], sides[1], sides[2], sides[3]}
		return nil
	},
	Text: func(p Params) string {
		d := p.Padding
		if d == (Padding{}) {
			return ""
		}
		return fmt.Sprintf("%d:%d:%d:%d", d.Top, d.Right, d.Bottom, d.Left)
	},
}
