package config

import (
	"errors"
	"reflect"

	"github.com/alecthomas/kong"
)

var (
	// ErrUsage marks a command line that is not one: an unknown command, flag or
	// argument, or one that is missing.
	ErrUsage = errors.New("wrong usage")
	// ErrSetting marks a setting that cannot be used, wherever it came from.
	ErrSetting = errors.New("invalid setting")
)

// Invalid marks an error as ErrSetting and keeps its text. Nil stays nil.
func Invalid(err error) error { return markAs(err, ErrSetting) }

func markAs(err, kind error) error {
	if err == nil || errors.Is(err, kind) {
		return err
	}
	return markedError{err, kind}
}

// markedError is an error of a kind that its text does not show.
type markedError struct {
	error
	kind error
}

// Is makes errors.Is find the kind.
func (m markedError) Is(target error) bool { return target == m.kind }

// Unwrap gives the error without its mark.
func (m markedError) Unwrap() error { return m.error }

// errNoValue: the command line ends with a flag that takes a value.
var errNoValue = errors.New("needs a value")

// settingMapper marks errors of the value of a setting. A value that
// is missing is wrong usage.
type settingMapper struct{ kong.Mapper }

// Decode implements kong.Mapper.
func (m settingMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	next := ctx.Scan.Peek()
	if next.IsEOL() {
		return errNoValue
	}
	missing := !next.IsValue()
	err := m.Mapper.Decode(ctx, target)
	if missing {
		return err
	}
	return Invalid(err)
}

// markSettings puts a settingMapper before the mapper of each flag that is a
// setting. Kong asks the mappers of switches for more, so these mark their own.
func markSettings(node *kong.Node, table settings) {
	for _, flag := range node.Flags {
		if _, ok := table[flag.Name]; ok && !flag.IsBool() {
			flag.Mapper = settingMapper{flag.Mapper}
		}
	}
	for _, child := range node.Children {
		markSettings(child, table)
	}
}
