package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Remarks are on how settings were written, beside what Serve.Warnings says of
// their values. Sources binds them, so that a command's Run may take a *Remarks.
type Remarks struct {
	table   settings
	origins Origins
	// bare are sizes without a unit, by the name of the setting.
	bare map[string]string
}

// Warnings are sentences on variables of a process's environment ("NAME=value")
// that are no settings, on secrets that are flags, and on sizes without a unit.
func (r *Remarks) Warnings(environ []string) []string {
	warnings := append(r.table.unknownVariables(environ), r.openSecrets()...)
	for _, name := range slices.Sorted(maps.Keys(r.bare)) {
		var size Bytes
		if size.UnmarshalText([]byte(r.bare[name])) != nil {
			continue // the setting itself was refused
		}
		write := size.String()
		if isBareNumber(write) {
			write += "B"
		}
		warnings = append(warnings,
			fmt.Sprintf("%s is %s without a unit, which counts bytes: write %s if that is meant",
				r.origins.Of(name), r.bare[name], write))
	}
	return warnings
}

// openSecrets is a sentence on the secrets that are flags. The environment of a
// process can be read by its own user alone, its command line by all.
func (r *Remarks) openSecrets() []string {
	var flags, variables, files []string
	for _, name := range slices.Sorted(maps.Keys(r.table)) {
		if flag := "--" + name; r.table[name].secret && r.origins.Of(name) == flag {
			flags = append(flags, flag)
			variables = append(variables, envName(name))
			files = append(files, flag+fileSuffix)
		}
	}
	if len(flags) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("every user of this machine can read %s in the list of processes: set %s in the "+
		"environment, or use %s",
		joinWithAnd(flags), joinWithAnd(variables), joinWithAnd(files))}
}

// joinWithAnd writes a list as a sentence does: a, b and c.
func joinWithAnd(list []string) string {
	last := len(list) - 1
	if last < 1 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:last], ", ") + " and " + list[last]
}

// sizeMapper reads sizes and takes note of those without a unit.
type sizeMapper struct{ remarks *Remarks }

// Decode implements kong.Mapper.
func (m sizeMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("size", &text); err != nil {
		return err
	}
	switch {
	case isBareNumber(text):
		m.remarks.bare[ctx.Value.Name] = text
	case text != ctx.Value.Default: // kong reads the default after the flag
		delete(m.remarks.bare, ctx.Value.Name)
	}
	return target.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
}
