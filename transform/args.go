package transform

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Quote shows a piece of a URL in an error, cut to a readable length.
func Quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// ParseBool reads what imgproxy's clients send: 1, t, true, 0, f, false in
// several cases. imgproxy takes anything else for false; a typo that changes
// an image in silence is worse than an error.
func ParseBool(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, outside(s, Domain{Kind: Switch})
	}
	return b, nil
}

// ParseWhole reads a whole number from 0 to most.
func ParseWhole(s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, outside(s, Domain{Kind: WholeNumber, Most: float64(most)})
	}
	return n, nil
}

// parseDecimal reads a number from least to most. Go's parser also takes
// hexadecimal, infinite and undefined ones; a URL has none of them.
func parseDecimal(s string, least, most float64) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xXpP_") || !(f >= least && f <= most) {
		return 0, outside(s, Domain{Kind: DecimalNumber, Least: least, Most: most})
	}
	return f + 0, nil // -0 is 0
}

// above0 reads a number over 0 up to most.
func above0(s string, most float64) (float64, error) {
	return parseDecimal(s, math.SmallestNonzeroFloat64, most)
}

// formatNumber is the shortest text that reads as f again.
func formatNumber(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// formatSwitch is a switch in an argument.
func formatSwitch(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// setters are what the arguments of an option set, one after the other. An
// empty argument leaves its part as it is.
type setters []func(arg string) error

func (s setters) readArgs(args []string) error {
	for i, arg := range args {
		if arg == "" {
			continue
		}
		if err := s[i](arg); err != nil {
			return err
		}
	}
	return nil
}

func wholeTo(to *int, most int) func(string) error {
	return func(s string) (err error) {
		*to, err = ParseWhole(s, most)
		return err
	}
}

func decimalTo(to *float64, least, most float64) func(string) error {
	return func(s string) (err error) {
		*to, err = parseDecimal(s, least, most)
		return err
	}
}

func boolTo(to *bool) func(string) error {
	return func(s string) (err error) {
		*to, err = ParseBool(s)
		return err
	}
}

// wordTo reads one of some words, by its place among them.
func wordTo[T ~uint8](to *T, words []string) func(string) error {
	return func(s string) error {
		i, ok := indexOf(words, s)
		if !ok {
			return noneOf(s, words)
		}
		*to = T(i)
		return nil
	}
}

func nameOf(names []string, i int) string {
	if i >= len(names) {
		return names[0]
	}
	return names[i]
}

func indexOf(names []string, s string) (int, bool) {
	for i, n := range names {
		if n == s {
			return i, true
		}
	}
	return 0, false
}

// Color is red, green and blue, 0 to 255.
type Color [3]uint8

// String is six hexadecimal digits, as the native dialect writes colours.
func (c Color) String() string { return fmt.Sprintf("%02x%02x%02x", c[0], c[1], c[2]) }

// ParseColor reads three or six hexadecimal digits without a mark before them.
func ParseColor(s string) (Color, error) {
	var c Color
	if len(s) == 3 {
		s = string([]byte{s[0], s[0], s[1], s[1], s[2], s[2]})
	}
	n, err := strconv.ParseUint(s, 16, 32)
	if len(s) != 6 || err != nil || strings.ContainsAny(s, "_+") {
		return c, outside(s, Domain{Kind: ColourCode})
	}
	return Color{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

func colorTo(to *Color) func(string) error {
	return func(s string) (err error) {
		*to, err = ParseColor(s)
		return err
	}
}
