package config

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// errQuantity: a text is not a number with one of the units allowed.
var errQuantity = errors.New("not a size")

// unit is a suffix and how many it stands for.
type unit struct {
	name string
	size int64
}

// maxNumber bounds the digits of a number, so that parsing takes no time.
const maxNumber = 32

// parseQuantity reads a decimal number and a unit (any case, blanks between
// them allowed) as a whole count, rounded down. hint is what an error tells
// to write.
func parseQuantity(text string, units []unit, hint string) (int64, error) {
	trimmed := strings.TrimSpace(text)
	end := strings.IndexFunc(trimmed, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(trimmed)
	}
	number, name := trimmed[:end], strings.TrimSpace(trimmed[end:])
	var size int64
	for _, u := range units {
		if strings.EqualFold(name, u.name) {
			size = u.size
			break
		}
	}
	if size == 0 || !isDecimal(number) {
		return 0, fmt.Errorf("%w: %q; %s", errQuantity, text, hint)
	}
	exact, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, fmt.Errorf("%w: %q; %s", errQuantity, text, hint)
	}
	exact.Mul(exact, new(big.Rat).SetInt64(size))
	whole := new(big.Int).Quo(exact.Num(), exact.Denom())
	if !whole.IsInt64() {
		return 0, fmt.Errorf("%w: %q is more than there can be", errQuantity, text)
	}
	return whole.Int64(), nil
}

// isDecimal: digits with at most one point, which stands between digits.
func isDecimal(number string) bool {
	if number == "" || len(number) > maxNumber || strings.Trim(number, "0123456789.") != "" {
		return false
	}
	return strings.Count(number, ".") <= 1 && number[0] != '.' && number[len(number)-1] != '.'
}

// formatQuantity writes n exactly, in as few characters as the units allow; of
// equally short texts the one of the larger unit. units go from large to
// small, and parts (a power of ten) is the finest fraction of a unit written.
func formatQuantity(n int64, units []unit, parts int64) string {
	best := strconv.FormatInt(n, 10)
	if n <= 0 {
		return best
	}
	found := false
	for _, u := range units {
		rest := n % u.size * parts
		if n < u.size || rest%u.size != 0 {
			continue
		}
		text := strconv.FormatInt(n/u.size, 10)
		if rest > 0 {
			// parts is added and its leading 1 cut, which keeps the zeros
			// behind the point.
			digits := strconv.FormatInt(parts+rest/u.size, 10)[1:]
			text += "." + strings.TrimRight(digits, "0")
		}
		text += u.name
		if len(text) < len(best) || len(text) == len(best) && !found {
			best, found = text, true
		}
	}
	return best
}

// maxSide is the longest side of an image that JPEG can hold, in pixels.
const maxSide = 65535
