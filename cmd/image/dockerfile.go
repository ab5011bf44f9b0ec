package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// instruction is one instruction of a Dockerfile, its continued lines joined.
type instruction struct {
	line int
	// name is in capitals.
	name string
	// flags are what stands as --name=value between the name and the rest, in their order.
	flags []pair
	// rest is what follows, as it is written.
	rest string
}

type pair struct{ name, value string }

// flag is the value of the first flag of a name, or empty.
func (in instruction) flag(name string) string {
	for _, f := range in.flags {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// stage is what one FROM begins.
type stage struct {
	// base is the image or the stage that FROM names, and name that after AS, or empty.
	base, name   string
	line         int
	instructions []instruction
}

var (
	instructionLine = regexp.MustCompile(`^\s*([A-Za-z]+)\s+(.*)$`)
	flagAhead       = regexp.MustCompile(`^--([a-z-]+)=(\S+)\s+`)
)

// readDockerfile gives the stages. What this program does not understand is an error, as it could not
// be checked: here-documents, ARG before FROM, ONBUILD, SHELL.
func readDockerfile(r io.Reader) ([]stage, error) {
	instructions, err := readInstructions(r)
	if err != nil {
		return nil, err
	}
	var stages []stage
	for _, in := range instructions {
		if in.name != "FROM" {
			if len(stages) == 0 {
				return nil, fmt.Errorf("line %d: %s before the first FROM", in.line, in.name)
			}
			last := &stages[len(stages)-1]
			last.instructions = append(last.instructions, in)
			continue
		}
		words := strings.Fields(in.rest)
		s := stage{base: words[0], line: in.line}
		switch {
		case len(words) == 3 && strings.EqualFold(words[1], "AS"):
			s.name = words[2]
		case len(words) != 1:
			return nil, fmt.Errorf("line %d: FROM %s", in.line, in.rest)
		}
		stages = append(stages, s)
	}
	if len(stages) == 0 {
		return nil, errors.New("there is no FROM")
	}
	return stages, nil
}

func readInstructions(r io.Reader) ([]instruction, error) {
	var found []instruction
	lines := bufio.NewScanner(r)
	joined, begun := "", 0
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		if trimmed := strings.TrimSpace(text); trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue // also between continued lines
		}
		if joined == "" {
			begun = n
		}
		if before, more := strings.CutSuffix(text, `\`); more {
			joined += before
			continue
		}
		in, err := parseInstruction(joined+text, begun)
		if err != nil {
			return nil, err
		}
		found = append(found, in)
		joined = ""
	}
	if joined != "" {
		return nil, fmt.Errorf("line %d: it goes on after the end of the file", begun)
	}
	return found, lines.Err()
}

func parseInstruction(text string, line int) (instruction, error) {
	m := instructionLine.FindStringSubmatch(text)
	if m == nil {
		return instruction{}, fmt.Errorf("line %d: an instruction was expected: %s", line, text)
	}
	in := instruction{line: line, name: strings.ToUpper(m[1]), rest: strings.TrimSpace(m[2])}
	for {
		f := flagAhead.FindStringSubmatch(in.rest)
		if f == nil {
			break
		}
		in.flags = append(in.flags, pair{f[1], f[2]})
		in.rest = in.rest[len(f[0]):]
	}
	if in.name == "RUN" || in.name == "COPY" {
		if strings.Contains(in.rest, "<<") {
			return instruction{}, fmt.Errorf("line %d: here-documents are not understood", line)
		}
	}
	return in, nil
}

// words are those of an instruction's JSON form, or nil if it has another form.
func (in instruction) words() []string {
	inside, ok := strings.CutPrefix(in.rest, "[")
	inside, end := strings.CutSuffix(inside, "]")
	if !ok || !end {
		return nil
	}
	var words []string
	for _, w := range strings.Split(inside, ",") {
		words = append(words, strings.Trim(strings.TrimSpace(w), `"`))
	}
	return words
}

var variable = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// expand puts values in the place of $NAME and ${NAME}.
func expand(text string, values map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string { return values[strings.Trim(v, "${}")] })
}

// assignments are those of ENV, LABEL and ARG: NAME=value, with or without quotation marks. ARG may
// have a name alone.
func (in instruction) assignments() []pair {
	var found []pair
	for _, m := range assignment.FindAllStringSubmatch(in.rest, -1) {
		value := m[2]
		if strings.HasPrefix(value, `"`) {
			value = strings.Trim(value, `"`)
		}
		found = append(found, pair{m[1], value})
	}
	return found
}

var assignment = regexp.MustCompile(`([\w.]+)(?:=("[^"]*"|\S*))?`)
