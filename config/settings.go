package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

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
	configName  = "config"
	presetsName = "presets"
)

// mappings are the settings that may be a mapping in the file.
var mappings = map[string]bool{presetsName: true, "info-presets": true, "source-aliases": true, "rewrite-sources": true}

// envName is the environment variable of a setting.
func envName(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// settings is the table of all settings by flag name. It is read off Serve by
// kong itself, so that it cannot differ from the flags.
type settings map[string]setting

// readSettings gives the table of this program. It does not change, and kong takes milliseconds to read it:
// a command needs it twice, a translation of another server's settings once for each of them.
var readSettings = sync.OnceValues(newSettings)

func newSettings() (settings, error) {
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

// reloads says whether a reload takes another value of a setting: each declares that itself.
func reloads(flag *kong.Flag) bool { return flag.Tag.Get("reload") == "yes" }

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
