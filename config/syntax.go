package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// counting is how the parser tells the line of an error.
type counting int

const (
	fromOne counting = iota
	fromZero
	noLine
)

// syntaxAdvice says what to do about errors of the YAML parser, by what their text begins with.
var syntaxAdvice = []struct {
	problem string
	counting
	advice string
}{
	{"mapping values are not allowed", fromOne,
		`put a value with ": " in it in quotes, and begin each setting at the start of its line`},
	{"could not find expected ':'", fromOne, `write a setting and its value as "name: value"`},
	{"found a tab character", fromOne, "indent with spaces instead of tabs"},
	{"found character that cannot start any token", fromOne,
		"put a value in quotes that begins with @, % or `, and indent with spaces instead of tabs"},
	{"did not find expected alphabetic or numeric character", fromOne,
		"put a value in quotes that begins with * or &"},
	{"unknown anchor", noLine, "put a value in quotes that begins with *"},
	{"found unexpected end of stream", fromOne, "close the quote that begins there"},
	{"found unknown escape character", fromOne, `write \\ for a backslash in double quotes, or use single quotes`},
	{"block sequence entries are not allowed", fromOne, "begin a list on the line below its setting"},
	{"did not find expected ',' or", fromZero, "close the bracket that begins there or before"},
	{"did not find expected node content", fromZero, "close the bracket that begins there or before"},
	{"did not find expected '-' indicator", fromZero, "indent all entries of a list alike"},
	{"did not find expected key", fromZero,
		"indent all settings of one list or mapping alike, and write nothing behind a quote that ends"},
	{"control characters are not allowed", noLine, "save the file as plain text"},
	{"invalid", noLine, "save the file as UTF-8"},
}

var atLine = regexp.MustCompile(`^line (\d+): `)

// syntaxError makes an error of the YAML parser one that says what to do. Its text has nothing of a value in the file,
// which may be a key.
func syntaxError(err error, data []byte) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1 // which the parser leaves out
	if at := atLine.FindStringSubmatch(text); at != nil {
		line, _ = strconv.Atoi(at[1]) // they are digits
		text = text[len(at[0]):]
	}
	for _, a := range syntaxAdvice {
		if !strings.HasPrefix(text, a.problem) {
			continue
		}
		switch a.counting {
		case noLine:
			return fmt.Errorf("%s: %s", a.problem, a.advice)
		case fromZero:
			line = min(line+1, bytes.Count(bytes.TrimSpace(data), []byte("\n"))+1)
		}
		return fmt.Errorf("line %d: %s: %s", line, text, a.advice)
	}
	return fmt.Errorf("line %d: %s", line, text)
}
