package transform

// JXLOptions are of the JPEG XL encoder.
type JXLOptions struct {
	// Effort is 1 to 9; 0 means the default.
	Effort   int  `json:",omitzero"`
	Lossless bool `json:",omitzero"`
}

// defaultJXLEffort is where more effort stops to pay.
const defaultJXLEffort = 4

var jxlOption = Option{
	Usage: Usage{
		Names: []string{"jxl_options", "jxlo"}, Args: "effort:lossless", Most: 2, Default: "4:0",
		Text: "Settings of the JPEG XL encoder.\n\n" +
			"- `effort`: 1 to 9. Higher is slower and smaller. 1 and 2 are the same as 3.\n" +
			"- `lossless`: 1 encodes without loss.",
	},
	Set: func(p *Params, args []string) error {
		o := &p.JXL
		if err := (setters{wholeTo(&o.Effort, 9), boolTo(&o.Lossless)}).readArgs(args); err != nil {
			return err
		}
		if o.Effort == defaultJXLEffort {
			o.Effort = 0
		}
		return nil
	},
	Text: func(p Params) string {
		o := p.JXL
		if o == (JXLOptions{}) {
			return ""
		}
		s := formatNumberOrNone(o.Effort)
		if o.Lossless {
			s += ":1"
		}
		return s
	},
}

// LevelOfEffort is libjxl's, 1 to 9.
func (o JXLOptions) LevelOfEffort() int {
	if o.Effort == 0 {
		return defaultJXLEffort
	}
	return o.Effort
}
