package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the YAML file, in bytes.
const maxFile = 1 << 20

// fileValue is a value of the YAML file, as it would be on the command line.
type fileValue struct {
	text string
	line int
}

// readFile reads the YAML file.
func readFile(path string, table settings) (map[string]fileValue, error) {
	data, err := readLimited(path, maxFile)
	if err != nil {
		return nil, err
	}
	values, err := parseFile(data, table)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// parseFile reads one YAML mapping from setting to scalar or list of scalars,
// of some also to a mapping, and of a Table to its entries. A scalar is its text as written, whatever type
// YAML sees in it; a list is joined by commas; an empty value is left out. The
// error joins everything that is wrong with the keys.
func parseFile(data []byte, table settings) (map[string]fileValue, error) {
	values := map[string]fileValue{}
	root, err := parseDocument(data)
	if err != nil || root == nil {
		return values, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: the file holds one setting per line, like \"ttl: 1h\"", root.Line)
	}
	var problems []error
	seen := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		name := key.Value
		if err := checkKey(key, seen, table); err != nil {
			problems = append(problems, fmt.Errorf("line %d: %w", key.Line, err))
			continue
		}
		seen[name] = true
		text, line, err := settingText(name, value)
		if table[name].kind == reflect.TypeFor[Table]() {
			text, err = tableText(data, value, lineOf(root.Content, i+2))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("line %d: %s: %w", line, name, err))
			continue
		}
		if text != "" {
			values[name] = fileValue{text: text, line: value.Line}
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return values, nil
}

// lineOf is the line of a node, or 0 behind the last one.
func lineOf(nodes []*yaml.Node, i int) int {
	if i < len(nodes) {
		return nodes[i].Line
	}
	return 0
}

func checkKey(key *yaml.Node, seen map[string]bool, table settings) error {
	switch {
	case key.Kind != yaml.ScalarNode:
		return errors.New("a key must be the name of a setting")
	case seen[key.Value]:
		return fmt.Errorf("%s is set twice", key.Value)
	case key.Value == configName:
		return errors.New("config cannot be set in the file itself")
	case table.inFile(key.Value):
		return nil
	}
	if name := table.nearestKey(key.Value); name != "" {
		return fmt.Errorf("unknown setting %q; did you mean %q?", key.Value, name)
	}
	return fmt.Errorf("unknown setting %q", key.Value)
}

var errValue = errors.New("a value must be a text, a number or a list of these")

// settingText is the value of a setting. An error is in that line.
func settingText(name string, value *yaml.Node) (text string, line int, err error) {
	if mapping := behindAlias(value); mappings[name] && mapping.Kind == yaml.MappingNode {
		return mappingText(mapping)
	}
	text, err = textOf(value)
	return text, value.Line, err
}

// mappingText is a mapping from name to text as flags such as --presets have it,
// name=text with commas between them. A comma in the text would begin
// another entry there, and an equals sign in the name would end it.
func mappingText(mapping *yaml.Node) (text string, line int, err error) {
	var entries []string
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], behindAlias(mapping.Content[i+1])
		name, written := strings.TrimSpace(key.Value), strings.TrimSpace(value.Value)
		switch {
		case key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode:
			err = errors.New(`an entry is a name and a text, like card: "rs:fill:300:200/q:80"`)
		case name == "" || isNull(value) || written == "":
			err = fmt.Errorf("entry %q has no name or no text", name)
		case strings.ContainsAny(name, ",="):
			err = fmt.Errorf("the name %q cannot hold a comma or an equals sign", name)
		case strings.Contains(written, ","):
			err = fmt.Errorf("the text of %q cannot hold a comma (a preset with one can be in --presets-file)", name)
		}
		if err != nil {
			return "", key.Line, err
		}
		entries = append(entries, name+"="+written)
	}
	return strings.Join(entries, ","), mapping.Line, nil
}

func textOf(value *yaml.Node) (string, error) {
	value = behindAlias(value)
	switch {
	case isNull(value):
		return "", nil
	case value.Kind == yaml.ScalarNode:
		return strings.TrimSpace(value.Value), nil
	case value.Kind != yaml.SequenceNode:
		return "", errValue
	}
	entries := make([]string, len(value.Content))
	for i, entry := range value.Content {
		entry = behindAlias(entry)
		if entry.Kind != yaml.ScalarNode {
			return "", errValue
		}
		if strings.Contains(entry.Value, ",") {
			return "", errors.New("an entry of a list cannot hold a comma")
		}
		entries[i] = strings.TrimSpace(entry.Value)
	}
	return strings.Join(entries, ","), nil
}
