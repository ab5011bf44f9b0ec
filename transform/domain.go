package transform

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// DomainKind is what an argument of an option is.
type DomainKind string

// The kinds. Any other argument is free text.
const (
	FreeText      DomainKind = "text"
	Switch        DomainKind = "switch"
	WholeNumber   DomainKind = "whole"
	DecimalNumber DomainKind = "decimal"
	ColourCode    DomainKind = "colour"
	Choice        DomainKind = "choice"
	QuarterTurn   DomainKind = "turn"
)

// Domain is what an argument may be. Parsers say it in their errors, so that it cannot differ from what they take:
// Domain of an error gives it to tools.
type Domain struct {
	Kind DomainKind `json:"kind"`
	// Least and Most bound numbers.
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
	// Words are all that a Choice may be, and those of a QuarterTurn that differ.
	Words []string `json:"words,omitempty"`
}

// String says it in an error, behind "is not".
func (d Domain) String() string {
	switch d.Kind {
	case Switch:
		return "1 or 0"
	case WholeNumber:
		return fmt.Sprintf("a whole number from %d to %d", int64(d.Least), int64(d.Most))
	case DecimalNumber:
		if d.Least == math.SmallestNonzeroFloat64 {
			return "a number above 0 and up to " + plainNumber(d.Most)
		}
		return "a number from " + plainNumber(d.Least) + " to " + plainNumber(d.Most)
	case ColourCode:
		return "a colour of three or six hexadecimal digits, as in ff8800"
	case QuarterTurn:
		return "a multiple of 90"
	case Choice:
		return "one of " + strings.Join(d.Words, ", ")
	}
	return "a text"
}

// plainNumber is without an exponent.
func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// OutsideError says that an argument is not of the Domain of its option.
type OutsideError struct {
	Given  string
	Domain Domain
}

func (e *OutsideError) Error() string { return Quote(e.Given) + " is not " + e.Domain.String() }

// outside is the error of an argument that is none of a domain.
func outside(given string, d Domain) error { return &OutsideError{given, d} }

// noneOf is the error of an argument that is none of some words.
func noneOf(given string, words []string) error {
	return outside(given, Domain{Kind: Choice, Words: words})
}
