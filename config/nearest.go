package config

import (
	"slices"
	"strings"
)

// maxName is longer than any name of a setting, with a typing error.
const maxName = 40

// nearestName gives the one of names that is most like name, or "" where more than a
// third of each differs.
func nearestName(name string, names []string) string {
	if len(name) > maxName {
		return ""
	}
	slices.Sort(names)
	best, least := "", len(name)/3+1
	for _, known := range names {
		if d := editDistance(strings.ToLower(name), known); d < least {
			best, least = known, d
		}
	}
	return best
}

// editDistance is Levenshtein's distance: the fewest bytes to insert, delete or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
