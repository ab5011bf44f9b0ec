package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Sources is the option for kong.New that gives the flags named like the
// fields of Serve their values from the environment and from the YAML file
// where the command line does not, in any command that has them. env is
// os.LookupEnv.
//
// Kong's own env tags are not used: kong lets a file beat the environment and
// takes an empty variable for a value.
func Sources(env func(name string) (string, bool)) kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		table, err := readSettings()
		if err != nil {
			return err
		}
		s := &sourceSetup{table: table, env: env, origins: Origins{}}
		remarks := &Remarks{table: table, origins: s.origins, bare: map[string]string{}}
		for _, option := range append(valueMappers(remarks),
			kong.ValueFormatter(s.helpWithVariable),
			kong.WithBeforeResolve(s.openLookup),
			kong.Bind(s.origins),
			kong.Bind(remarks),
			kong.PostBuild(func(k *kong.Kong) error { markSettings(k.Model.Node, table); return nil }),
		) {
			if err := option.Apply(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// valueMappers give the kong options that read values of settings.
func valueMappers(remarks *Remarks) []kong.Option {
	return []kong.Option{
		kong.KindMapper(reflect.Bool, boolMapper{}),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), durationMapper{}),
		kong.TypeMapper(reflect.TypeFor[Bytes](), sizeMapper{remarks}),
		kong.TypeMapper(reflect.TypeFor[CacheSize](), sizeMapper{remarks}),
	}
}

// Load reads the text of a YAML file as serve would with no flags and
// variables. An error is ErrSetting.
func Load(data []byte) (*Serve, error) {
	table, err := readSettings()
	if err != nil {
		return nil, err
	}
	values, err := parseFile(data, table)
	if err != nil {
		return nil, Invalid(err)
	}
	s := &Serve{}
	l := &lookup{table: table, given: map[string]string{}, origins: Origins{}, levels: []level{fileLevel("", values)}}
	remarks := &Remarks{table: table, origins: l.origins, bare: map[string]string{}}
	k, err := kong.New(s, append(valueMappers(remarks), kong.NoDefaultHelp(), kong.Resolvers(l))...)
	if err == nil {
		_, err = k.Parse(nil)
	}
	return s, Invalid(err)
}

// Parse is k.Parse, except that a setting given empty on the command line
// (--listen= or --listen "") counts as not given. Errors are ErrSetting where a
// setting is wrong, and ErrUsage, with the *kong.ParseError, where the command
// line is.
func Parse(k *kong.Kong, args []string) (*kong.Context, error) {
	table, err := readSettings()
	if err != nil {
		return nil, err
	}
	ctx, err := k.Parse(dropEmpty(args, table))
	if err != nil && !errors.Is(err, ErrSetting) {
		err = markAs(err, ErrUsage)
	}
	return ctx, err
}

func dropEmpty(args []string, table settings) []string {
	kept := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(kept, args[i:]...)
		}
		flag, isFlag := strings.CutPrefix(args[i], "--")
		name, value, joined := strings.Cut(flag, "=")
		known, ok := table[name]
		switch {
		case !isFlag || !ok:
		case joined && value == "":
			continue
		case !joined && !known.isBool && i+1 < len(args) && args[i+1] == "":
			i++
			continue
		}
		kept = append(kept, args[i])
	}
	return kept
}

// sourceSetup is made by Sources, once. Each parse opens a lookup of its own.
type sourceSetup struct {
	table settings
	env   func(string) (string, bool)
	// origins is filled as settings are resolved.
	origins Origins
}

// Origins are the places that settings came from, by their names. Sources
// binds it, so that a command's Run may take it.
type Origins map[string]string

// Of is where a setting came from: a flag, a variable, a line of the file, or
// "default".
func (o Origins) Of(name string) string {
	if from := o[name]; from != "" {
		return from
	}
	return "default"
}

// helpWithVariable is the help of a setting, with its environment variable.
func (s *sourceSetup) helpWithVariable(value *kong.Value) string {
	if _, ok := s.table[value.Name]; !ok || value.Flag == nil {
		return kong.DefaultHelpValueFormatter(value)
	}
	return value.Help + " ($" + envName(value.Name) + ")"
}

// openLookup reads the YAML file and gives kong a lookup. Kong calls it for each node of
// the command line; only the call for the application counts.
func (s *sourceSetup) openLookup(ctx *kong.Context, node *kong.Path) error {
	if node.App == nil {
		return nil
	}
	l := &lookup{table: s.table, given: map[string]string{}, origins: s.origins}
	for _, path := range ctx.Path {
		if path.Flag != nil {
			s.origins[path.Flag.Name] = "--" + path.Flag.Name
			l.given[path.Flag.Name] = fmt.Sprint(ctx.FlagValue(path.Flag))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.table)) {
		if s.table[name].secret && l.isGiven(name) && l.isGiven(name+fileSuffix) {
			return Invalid(errBoth("--"+name, "--"+name+fileSuffix))
		}
	}
	l.levels = []level{{
		get: func(name string) (string, bool) {
			text, ok := s.env(envName(name))
			return text, ok && strings.TrimSpace(text) != ""
		},
		label: envName,
	}}
	file, err := s.openFile(ctx, l.given[configName])
	if err != nil {
		return Invalid(err)
	}
	l.levels = append(l.levels, file...)
	ctx.AddResolver(l)
	return nil
}

// openFile is the level of the YAML file: none where the command has no
// --config, or neither it nor the environment names a file.
func (s *sourceSetup) openFile(ctx *kong.Context, path string) ([]level, error) {
	takesFile := false
	for _, flag := range ctx.Flags() {
		takesFile = takesFile || flag.Name == configName
	}
	if path == "" {
		path, _ = s.env(envName(configName))
	}
	if !takesFile || strings.TrimSpace(path) == "" {
		return nil, nil
	}
	values, err := readFile(path, s.table)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", configName, err)
	}
	return []level{fileLevel(path, values)}, nil
}

func fileLevel(path string, values map[string]fileValue) level {
	return level{
		get: func(name string) (string, bool) {
			value, ok := values[name]
			return value.text, ok
		},
		label: func(name string) string {
			return fmt.Sprintf("%s line %d, %s", path, values[name].line, name)
		},
	}
}

// level is one place that values come from.
type level struct {
	get   func(name string) (string, bool)
	label func(name string) string
}

// lookup is a kong.Resolver for one parse: the levels from strong to weak.
type lookup struct {
	table settings
	// given are the flags of the command line.
	given   map[string]string
	levels  []level
	origins Origins
}

var _ kong.Resolver = (*lookup)(nil)

func (l *lookup) isGiven(name string) bool { _, ok := l.given[name]; return ok }

// Validate implements kong.Resolver. The keys of the file were checked when it
// was read.
func (l *lookup) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver; kong asks only for flags that the command
// line does not give.
func (l *lookup) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	known, ok := l.table[flag.Name]
	// The file of a secret is no value by itself: it arrives in the secret.
	if !ok || l.table.isSecretFile(flag.Name) {
		return nil, nil
	}
	find := l.findPlain
	if known.secret {
		find = l.findSecret
	}
	text, label, err := find(flag.Name)
	if err != nil || label == "" {
		return nil, Invalid(err)
	}
	// Kong's own error would not say where the value came from.
	trial := reflect.New(flag.Target.Type()).Elem()
	token := kong.Token{Type: kong.FlagValueToken, Value: text}
	err = flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: kong.ScanFromTokens(token)}, trial)
	if err != nil {
		return nil, Invalid(fmt.Errorf("%s: %w", label, err))
	}
	l.origins[flag.Name] = label
	return text, nil
}

// findPlain gives the value of a setting and where it was set, "" for nowhere.
func (l *lookup) findPlain(name string) (text, label string, err error) {
	for _, level := range l.levels {
		if text, ok := level.get(name); ok {
			return text, level.label(name), nil
		}
	}
	return "", "", nil
}

// findSecret is findPlain for a setting that may also be in a file of its own. It is an
// error where one level sets both the secret and its file.
func (l *lookup) findSecret(name string) (text, label string, err error) {
	fileName := name + fileSuffix
	if path, ok := l.given[fileName]; ok {
		return secretFrom(path, "--"+fileName)
	}
	for _, level := range l.levels {
		text, direct := level.get(name)
		path, inFile := level.get(fileName)
		switch {
		case direct && inFile:
			return "", "", errBoth(level.label(name), level.label(fileName))
		case direct:
			return text, level.label(name), nil
		case inFile:
			return secretFrom(path, level.label(fileName))
		}
	}
	return "", "", nil
}

func secretFrom(path, from string) (text, label string, err error) {
	text, err = readSecret(path)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", from, err)
	}
	return text, from, nil
}

// boolMapper reads on and off besides the words that kong reads.
type boolMapper struct{}

// IsBool implements kong.BoolMapper.
func (boolMapper) IsBool() bool { return true }

// Decode implements kong.Mapper. A flag without a value is true.
func (boolMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		target.SetBool(true)
		return nil
	}
	value := ctx.Scan.Pop().Value
	switch text := strings.ToLower(strings.TrimSpace(fmt.Sprint(value))); text {
	case "true", "1", "yes", "on":
		target.SetBool(true)
	case "false", "0", "no", "off":
		target.SetBool(false)
	default:
		return Invalid(fmt.Errorf("expected on or off but got %q", text))
	}
	return nil
}
