package transform

import "strconv"

var autoRotateOption = switchOption(Usage{Names: []string{"auto_rotate", "ar"}, Args: "switch",
	Text: "0 ignores the EXIF orientation. 1 turns the image upright."},
	true, func(p *Params) *bool { return &p.IgnoreOrientation })

var rotateOption = turnOption(Usage{
	Names: []string{"rotate", "rot"}, Args: "degrees",
	Text: "Rotates clockwise by a multiple of 90 degrees, after the EXIF orientation. `width` and `height` apply to " +
		"the rotated image.",
	Example: "rot:90/h:140",
}, func(p *Params) *int { return &p.Rotate })

var lateRotateOption = turnOption(Usage{
	Names: []string{"late_rotate", "lrot"}, Args: "degrees",
	Text:    "Rotates clockwise by a multiple of 90 degrees after `width`, `height` and `padding` have been applied.",
	Example: "w:140/lrot:90",
}, func(p *Params) *int { return &p.LateRotate })

func turnOption(u Usage, field func(*Params) *int) Option {
	u.Most, u.Default = 1, "0"
	return Option{
		Usage: u,
		Set: func(p *Params, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n%90 != 0 {
				return outside(args[0], Domain{Kind: QuarterTurn, Words: []string{"0", "90", "180", "270"}})
			}
			*field(p) = (n%360 + 360) % 360
			return nil
		},
		Text: func(p Params) string { return formatNumberOrNone(*field(&p)) },
	}
}

var flipOption = Option{
	Usage: Usage{
		Names: []string{"flip", "fl"}, Args: "horizontal:vertical", Most: 2, Default: "0:0",
		Text: "`horizontal` 1 mirrors left and right, `vertical` 1 top and bottom. After `rotate`, before " +
			"`late_rotate`.",
		Example: "w:160/fl:1",
	},
	Set: func(p *Params, args []string) error {
		return setters{boolTo(&p.FlipHorizontal), boolTo(&p.FlipVertical)}.readArgs(args)
	},
	Text: func(p Params) string {
		if !p.FlipHorizontal && !p.FlipVertical {
			return ""
		}
		return formatSwitch(p.FlipHorizontal) + ":" + formatSwitch(p.FlipVertical)
	},
}

// orientation is one of the eight ways an image can lie: a clockwise turn,
// then a mirror from left to right.
type orientation struct {
	angle int
	flip  bool
}

// then is o followed by next. A mirrored image turns the other way round:
// turning after a mirror is mirroring after the opposite turn.
func (o orientation) then(next orientation) orientation {
	angle := o.angle + next.angle
	if o.flip {
		angle = o.angle - next.angle
	}
	return orientation{(angle%360 + 360) % 360, o.flip != next.flip}
}

func (o orientation) swapsSides() bool { return o.angle%180 != 0 }

// orientationOfEXIF is the turn that makes an image upright whose EXIF orientation is
// n (EXIF 2.3, tag 0x0112).
func orientationOfEXIF(n int) orientation {
	var o orientation
	switch n {
	case 3, 4:
		o.angle = 180
	case 5, 6:
		o.angle = 90
	case 7, 8:
		o.angle = 270
	}
	o.flip = n == 2 || n == 4 || n == 5 || n == 7
	return o
}

// requestedTurn is how p turns and mirrors the upright image.
func (p Params) requestedTurn() orientation {
	o := orientation{angle: p.Rotate}
	if p.FlipHorizontal {
		o = o.then(orientation{flip: true})
	}
	if p.FlipVertical {
		o = o.then(orientation{angle: 180, flip: true})
	}
	return o
}

// toStored maps an area of the turned image, which is w by h there, to the
// same area as it was before: the mirror undone, then the turn.
func (o orientation) toStored(r Rect, w, h int) Rect {
	if o.flip {
		r.Left = w - r.Left - r.Width
	}
	switch o.angle {
	case 90:
		return Rect{r.Top, w - r.Left - r.Width, r.Height, r.Width}
	case 180:
		return Rect{w - r.Left - r.Width, h - r.Top - r.Height, r.Width, r.Height}
	case 270:
		return Rect{h - r.Top - r.Height, r.Left, r.Height, r.Width}
	}
	return r
}

// toTurned is the inverse of toStored: w by h is the image before the turn. The mirror
// comes last and needs the width of the turned image alone.
func (o orientation) toTurned(r Rect, w, h int) Rect {
	switch o.angle {
	case 90:
		r = Rect{h - r.Top - r.Height, r.Left, r.Height, r.Width}
		w = h
	case 180:
		r = Rect{w - r.Left - r.Width, h - r.Top - r.Height, r.Width, r.Height}
	case 270:
		r = Rect{r.Top, w - r.Left - r.Width, r.Height, r.Width}
		w = h
	}
	if o.flip {
		r.Left = w - r.Left - r.Width
	}
	return r
}

// TurnsUpright says whether the orientation that the camera wrote is applied
// to the pixels. Other options may undo that turn; the orientation in the metadata
// is wrong in that case, too.
func (p Params) TurnsUpright(info Info) bool {
	return !p.IgnoreOrientation && info.Orientation > 1
}
