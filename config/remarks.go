package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"

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
// that are no settings, and on sizes without a unit.
func (r *Remarks) Warnings(environ []string) []string {
	warnings := r.table.unknownVariables(environ)
	for _, name := range slices.Sorted(maps.Keys(r.bare)) {
		var size Bytes
		if size.UnmarshalText([]byte(r.bare[name])) != nil {
			continue // the setting itself was refused
		}
		write := size.String()
		if isBareNumber(write) {
			write += "B"
		}
		warnings = append(warnings, fmt.Sprintf("%s is %s without a unit, which counts bytes: write %s if that is meant",
			r.origins.Of(name), r.bare[name], write))
	}
	return warnings
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
