package main

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// known are the instructions that may be in the Dockerfile, with their flags. Docker knows more; each
// one added here needs a place in build_linux.go.
var known = map[string][]string{
	"FROM": nil, "RUN": {"mount"}, "COPY": {"from", "chown"}, "WORKDIR": nil, "ARG": nil, "ENV": nil, "LABEL": nil,
	"USER": nil, "VOLUME": nil, "EXPOSE": nil, "STOPSIGNAL": nil, "ENTRYPOINT": nil, "CMD": nil,
	"HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
}

// needed are what the last stage must say.
var needed = []string{"USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD", "HEALTHCHECK", "LABEL"}

var (
	byNumber   = regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`)
	cacheMount = regexp.MustCompile(`^type=cache,target=(/\S+)$`)
	pinned     = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)
)

// findFaults says what is wrong with the stages, one line each. Sources of COPY are looked up in context,
// the root of the repository, of which ignored hides some.
func findFaults(stages []stage, context fs.FS, ignored []string) []string {
	l := linter{context: context, ignored: ignored}
	for i, s := range stages {
		l.checkName(stages, i)
		for _, in := range s.instructions {
			l.checkInstruction(stages[:i], in)
		}
	}
	last := stages[len(stages)-1]
	for _, name := range needed {
		if last.find(name) == nil {
			l.addFault(last.line, "the last stage has no %s", name)
		}
	}
	if last.base == "scratch" && last.find("RUN") != nil {
		l.addFault(last.line, "the last stage has no shell, and a RUN")
	}
	return l.found
}

type linter struct {
	context fs.FS
	ignored []string
	found   []string
}

func (l *linter) addFault(line int, format string, a ...any) {
	l.found = append(l.found, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, a...))
}

// find is the last instruction of a name, or nil.
func (s stage) find(name string) *instruction {
	for i := len(s.instructions) - 1; i >= 0; i-- {
		if s.instructions[i].name == name {
			return &s.instructions[i]
		}
	}
	return nil
}

// checkName wants a name for each stage but the last, and another one for each.
func (l *linter) checkName(stages []stage, i int) {
	s := stages[i]
	if s.name == "" && i < len(stages)-1 {
		l.addFault(s.line, "the stage has no name")
	}
	if s.name != "" && slices.ContainsFunc(stages[:i], func(o stage) bool { return o.name == s.name }) {
		l.addFault(s.line, "the name %s is taken", s.name)
	}
}

func (l *linter) checkInstruction(before []stage, in instruction) {
	flags, ok := known[in.name]
	if !ok {
		l.addFault(in.line, "%s is not known here", in.name)
		return
	}
	for _, f := range in.flags {
		if !slices.Contains(flags, f.name) {
			l.addFault(in.line, "%s has no flag --%s", in.name, f.name)
		}
	}
	if strings.HasPrefix(in.rest, "--") {
		l.addFault(in.line, "a flag of %s has no value: %s", in.name, in.rest)
		return
	}
	switch in.name {
	case "RUN":
		if m := in.flag("mount"); m != "" && !cacheMount.MatchString(m) {
			l.addFault(in.line, "--mount=%s is not understood", m)
		}
	case "COPY":
		l.checkCopy(before, in)
	case "USER":
		if !byNumber.MatchString(in.rest) {
			l.addFault(in.line, "USER is not two numbers over 0: %s", in.rest)
		}
	case "ENTRYPOINT", "CMD":
		if in.words() == nil {
			l.addFault(in.line, "%s needs a shell: write it as [\"…\"]", in.name)
		}
	case "HEALTHCHECK":
		if command, ok := strings.CutPrefix(in.rest, "CMD "); !ok || (instruction{rest: command}).words() == nil {
			l.addFault(in.line, "HEALTHCHECK needs a shell: write it as CMD [\"…\"]")
		}
	}
}

// checkCopy wants sources that exist, or that another stage makes.
func (l *linter) checkCopy(before []stage, in instruction) {
	words := strings.Fields(in.rest)
	if len(words) < 2 {
		l.addFault(in.line, "COPY %s has no destination", in.rest)
		return
	}
	if owner := in.flag("chown"); owner != "" && !byNumber.MatchString(owner) {
		l.addFault(in.line, "--chown is not two numbers over 0: %s", owner)
	}
	if from := in.flag("from"); from != "" {
		if !slices.ContainsFunc(before, func(s stage) bool { return s.name == from }) {
			l.addFault(in.line, "no stage before is named %s", from)
		}
		return
	}
	for _, source := range words[:len(words)-1] {
		name := path.Clean(strings.TrimPrefix(source, "/"))
		if _, err := fs.Stat(l.context, name); err != nil {
			l.addFault(in.line, "%s does not exist", source)
		}
		if slices.ContainsFunc(l.ignored, func(i string) bool { return name == i || strings.HasPrefix(name, i+"/") }) {
			l.addFault(in.line, "%s is in .dockerignore", source)
		}
	}
}

// unpinnedImages are the images that stages begin with and that have no digest.
func unpinnedImages(stages []stage) []string {
	var found []string
	for i, s := range stages {
		own := slices.ContainsFunc(stages[:i], func(o stage) bool { return o.name == s.base })
		if s.base != "scratch" && !own && !pinned.MatchString(s.base) {
			found = append(found, s.base)
		}
	}
	return found
}

// readIgnored are the lines of a .dockerignore, without comments. Patterns and exceptions are not understood.
func readIgnored(text string) ([]string, error) {
	var found []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.ContainsAny(line, "*?![]"):
			return nil, fmt.Errorf(".dockerignore: patterns are not understood: %s", line)
		default:
			found = append(found, path.Clean(line))
		}
	}
	return found, nil
}
