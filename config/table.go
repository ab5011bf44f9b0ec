package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Table is the text of a setting that has entries by name, each with fields of its own: a YAML mapping, as
// in {photos: {store: s3, bucket: photos}}. It is never printed with its values, as secrets are among them.
type Table string

// UnmarshalText takes a text that is a mapping from names to mappings; the fields are for readTable.
func (t *Table) UnmarshalText(text []byte) error {
	names, _, err := tableEntries(Table(text))
	if err != nil {
		return err
	}
	*t = Table(text)
	if len(names) == 0 {
		*t = ""
	}
	return nil
}

// String is the names of the entries.
func (t Table) String() string {
	names, _, err := tableEntries(t)
	if err != nil {
		return "(unreadable)"
	}
	return strings.Join(names, ",")
}

// MarshalText implements encoding.TextMarshaler. It is not the inverse of UnmarshalText.
func (t Table) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

var errTable = errors.New(`the value must be entries with fields, like {photos: {store: s3, bucket: photos}}`)

// tableEntries are the names of a table and the mapping of each, in their order. A line in an error is
// that of the YAML file, where the table is from one.
func tableEntries(t Table) (names []string, entries []*yaml.Node, err error) {
	root, err := parseDocument([]byte(t))
	if err != nil || root == nil {
		return nil, nil, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, nil, fmt.Errorf("line %d: %w", root.Line, errTable)
	}
	seen := map[string]bool{}
	var problems []error
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || strings.TrimSpace(key.Value) == "" || strings.ContainsAny(key.Value, ",\n"):
			err = errors.New("the name of an entry must be a text without commas")
		case seen[key.Value]:
			err = fmt.Errorf("entry %q is there twice", key.Value)
		case value.Kind != yaml.MappingNode:
			err = fmt.Errorf("entry %q: %w", key.Value, errTable)
		default:
			err = withoutAliases(value)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("line %d: %w", key.Line, err))
		}
		seen[key.Value] = true
		names, entries = append(names, key.Value), append(entries, value)
	}
	return names, entries, errors.Join(problems...)
}

// withoutAliases refuses aliases, which could multiply, and which a table cannot take along from its file.
func withoutAliases(node *yaml.Node) error {
	if node.Kind == yaml.AliasNode {
		return errors.New("an entry of a table cannot hold an alias (*): write its value")
	}
	for _, child := range node.Content {
		if err := withoutAliases(child); err != nil {
			return err
		}
	}
	return nil
}

// readTable reads each entry of a table into a T, whose fields have their names in yaml tags. A field of type
// Secret may also come from a file, which NAME-file names; a field that is a list of texts may be a comma
// list. The error joins everything that is wrong, each with flag, line, entry and field.
func readTable[T any](flag string, t Table) (map[string]T, error) {
	names, entries, err := tableEntries(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	all := map[string]T{}
	var problems []error
	for i, name := range names {
		var entry T
		if err := readEntry(entries[i], reflect.ValueOf(&entry).Elem()); err != nil {
			problems = append(problems, fmt.Errorf("%s: entry %q: %w", flag, name, err))
		}
		all[name] = entry
	}
	return all, errors.Join(problems...)
}

// readEntry reads the fields of one entry.
func readEntry(entry *yaml.Node, into reflect.Value) error {
	fields := map[string]int{}
	var known []string
	for i := range into.NumField() {
		name, _, _ := strings.Cut(into.Type().Field(i).Tag.Get("yaml"), ",")
		fields[name] = i
		known = append(known, name)
	}
	seen := map[string]bool{}
	var problems []error
	for i := 0; i+1 < len(entry.Content); i += 2 {
		key, value := entry.Content[i], entry.Content[i+1]
		name, fromFile := key.Value, false
		if base, ok := strings.CutSuffix(name, fileSuffix); ok && isSecretField(into, fields, base) {
			name, fromFile = base, true
		}
		field, ok := fields[name]
		var err error
		switch {
		case !ok || name == "":
			err = unknownField(key.Value, known)
		case seen[name] && isSecretField(into, fields, name):
			err = errBoth(name, name+fileSuffix)
		case seen[name]:
			err = fmt.Errorf("%s is set twice", name)
		case isNull(value): // unset
		case fromFile:
			err = readSecretField(value, into.Field(field))
		default:
			err = readField(value, into.Field(field))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("line %d: %s: %w", key.Line, key.Value, err))
		}
		seen[name] = true
	}
	return errors.Join(problems...)
}

func isSecretField(entry reflect.Value, fields map[string]int, name string) bool {
	i, ok := fields[name]
	return ok && entry.Type().Field(i).Type == reflect.TypeFor[Secret]()
}

func unknownField(name string, known []string) error {
	if near := nearestName(name, known); near != "" {
		return fmt.Errorf("there is no such field; did you mean %q?", near)
	}
	return fmt.Errorf("there is no such field; there are %s", strings.Join(known, ", "))
}

func readSecretField(value *yaml.Node, into reflect.Value) error {
	if value.Kind != yaml.ScalarNode {
		return errors.New("write the path of a file")
	}
	text, err := readSecret(value.Value)
	into.SetString(text)
	return err
}

var errField = errors.New("the value does not fit")

// readField reads a value. The parser's own errors quote values, which may be secret.
func readField(value *yaml.Node, into reflect.Value) error {
	if into.Type() == reflect.TypeFor[[]string]() && value.Kind == yaml.ScalarNode {
		into.Set(reflect.ValueOf(splitList(value.Value)))
		return nil
	}
	err := value.Decode(into.Addr().Interface())
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) {
		if strings.Contains(mismatch.Error(), "already defined") {
			return errors.New("a name is there twice")
		}
		return fmt.Errorf("%w; it must be %s", errField, kindOf(into.Type()))
	}
	return err
}

// kindOf says for people what a field takes.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Secret]() || t.Kind() == reflect.String:
		return "a text"
	case t.String() == "time.Duration":
		return "a duration like 5s"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map || t.Kind() == reflect.Struct:
		return "a mapping"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "a number"
}

// tableText is the text of a table in a YAML file, on the lines that it has there; end is the line that the
// next setting begins on, or 0.
func tableText(data []byte, value *yaml.Node, end int) (string, error) {
	switch {
	case isNull(value):
		return "", nil
	case value.Kind == yaml.ScalarNode: // a text that is YAML itself, as a variable has it
		return value.Value, nil
	case value.Kind == yaml.AliasNode:
		return "", withoutAliases(value)
	}
	above := strings.Repeat("\n", value.Line-1)
	lines := linesOf(data)
	if value.Line > len(lines) || strings.TrimLeft(lines[value.Line-1], " ") != lines[value.Line-1][value.Column-1:] {
		text, err := yaml.Marshal(value) // what begins within a line has no lines of its own
		return above + string(text), err
	}
	if end == 0 {
		end = len(lines) + 1
	}
	return above + strings.Join(lines[value.Line-1:end-1], ""), nil
}

// linesOf are the lines of a file with their ends; none where it has line ends that only YAML 1.1 knows
// (https://yaml.org/spec/1.1/#b-generic), so that the parser counts others.
func linesOf(data []byte) []string {
	if strings.ContainsAny(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r\u0085\u2028\u2029") {
		return nil
	}
	return strings.SplitAfter(string(data), "\n")
}
