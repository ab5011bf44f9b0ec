package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// setting describes one field of Serve for the sources of values.
type setting struct {
	name   string
	isBool bool
	// secret says that the value may also come from a file, which the setting
	// name+fileSuffix names.
	secret bool
	kind   reflect.Type
}

const (
	envPrefix   = "PICTOR_"
	fileSuffix  = "-file"
	configName  = "config"
	presetsName = "presets"
	// maxName is longer than any name of a setting, with a typing error.
	maxName = 40
)

// mappings are the settings that may be a mapping in the file.
var mappings = map[string]bool{presetsName: true, "source-aliases": true, "rewrite-sources": true}

// envName is the environment variable of a setting.
func envName(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// settings is the table of all settings by flag name. It is read off Serve by
// kong itself, so that it cannot differ from the flags.
type settings map[string]setting

func readSettings() (settings, error) {
	k, err := kong.New(&Serve{}, kong.NoDefaultHelp())
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	table := settings{}
	for _, flag := range k.Model.Flags {
		table[flag.Name] = setting{
			name:   flag.Name,
			isBool: flag.IsBool(),
			secret: flag.Target.Type() == reflect.TypeFor[Secret](),
			kind:   flag.Target.Type(),
		}
	}
	return table, nil
}

// isSecretFile: name is that of the file of a secret.
func (t settings) isSecretFile(name string) bool {
	base, ok := strings.CutSuffix(name, fileSuffix)
	return ok && t[base].secret
}

// inFile: name may be a key of the YAML file.
func (t settings) inFile(name string) bool {
	_, ok := t[name]
	return ok && name != configName
}

// nearestKey gives the key of the YAML file that is most like name, or "".
func (t settings) nearestKey(name string) string {
	names := make([]string, 0, len(t))
	for known := range t {
		if t.inFile(known) {
			names = append(names, known)
		}
	}
	return nearestName(name, names)
}

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
