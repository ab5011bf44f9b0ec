package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// The levels of findings. A problem is what serve cannot do as it is set, a note what is worth a look.
const (
	levelOK      = "ok"
	levelNote    = "note"
	levelProblem = "problem"
)

// finding is what one check found. Name is one of the few that docs/cli.md lists, Do is empty for levelOK alone.
type finding struct {
	Level string `json:"level"`
	Name  string `json:"name"`
	Text  string `json:"text"`
	Do    string `json:"do"`
}

// report collects what was found.
type report struct{ findings []finding }

func (r *report) ok(name, format string, a ...any) { r.add(levelOK, name, "", format, a) }

func (r *report) note(name, do, format string, a ...any) { r.add(levelNote, name, do, format, a) }

func (r *report) problem(name, do, format string, a ...any) { r.add(levelProblem, name, do, format, a) }

func (r *report) add(level, name, do, format string, a []any) {
	text := strings.Join(strings.Fields(fmt.Sprintf(format, a...)), " ") // one line
	r.findings = append(r.findings, finding{level, name, strings.TrimSuffix(text, ".") + ".", do})
}

// problemOf adds each of joined errors as a problem of its own.
func (r *report) problemOf(name, do string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			r.problemOf(name, do, err)
		}
		return
	}
	if inner, ok := err.(interface{ Unwrap() error }); ok && inner.Unwrap() != nil &&
		inner.Unwrap().Error() == err.Error() {
		r.problemOf(name, do, inner.Unwrap())
		return
	}
	r.problem(name, do, "%v", err)
}

// together runs checks at the same time. What they find is in the order of the checks.
func (r *report) together(checks []func(*report)) {
	const most = 16
	parts, running := make([]report, len(checks)), make(chan struct{}, most)
	var all sync.WaitGroup
	for i, check := range checks {
		running <- struct{}{}
		all.Go(func() {
			check(&parts[i])
			<-running
		})
	}
	all.Wait()
	for _, part := range parts {
		r.findings = append(r.findings, part.findings...)
	}
}

func (r *report) problems() (n int) {
	for _, f := range r.findings {
		if f.Level == levelProblem {
			n++
		}
	}
	return n
}

// write prints a line for each finding, or one array of JSON.
func (r *report) write(out io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r.findings)
	}
	for _, f := range r.findings {
		level := f.Level
		if level == levelProblem {
			level = "PROBLEM"
		}
		line := strings.TrimSpace(fmt.Sprintf("%-8s %s %s", level, f.Text, f.Do))
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
