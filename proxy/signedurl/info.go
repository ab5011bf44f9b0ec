package signedurl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// CutInfo is the part of a request target behind InfoMark, with its slash; false for a target that does not begin
// with it.
func CutInfo(target string) (path string, ok bool) {
	path, ok = strings.CutPrefix(PathOf(target), "/"+InfoMark+"/")
	return "/" + path, ok
}

// sharedOptions are options of images that paths of facts have, too, by their long names.
var sharedOptions = []string{"page", "cachebuster", "cache_tags", "expires", "max_src_resolution", "max_src_file_size"}

// factSetters are all options of paths of facts, by all names.
var factSetters = func() map[string]setter {
	table := map[string]setter{}
	for name, s := range setters {
		if slices.Contains(sharedOptions, s.long) {
			table[name] = s
		}
	}
	for _, o := range factOptions {
		for _, name := range o.Names {
			table[name] = setter{o.Names[0], o.Most,
				func(r *Request, args []string) error { return o.set(&r.Meta.Facts, args) }}
		}
	}
	for _, names := range absentFacts {
		for _, name := range names {
			table[name] = setter{names[0], 1 << 10, func(_ *Request, args []string) error {
				if on, err := transform.ParseBool(args[0]); err == nil && !on {
					return nil
				}
				return errAbsentFact
			}}
		}
	}
	return table
}()

// absentFacts are options of imgproxy Pro for facts that pictor does not tell. They may be off.
var absentFacts = [][]string{
	{"video_meta", "vm"}, {"detect_objects", "do"}, {"classify", "cl"},
	{"objects_position", "obj_pos", "op"}, {"video_thumbnail_second", "vts"}, {"video_thumbnail_keyframes", "vtk"},
}

var errAbsentFact = fmt.Errorf("this is a fact of imgproxy Pro that pictor does not tell")

// FactOptions lists every option of paths of facts.
func FactOptions() []transform.Usage {
	var all []transform.Usage
	for _, o := range factOptions {
		all = append(all, o.Usage)
	}
	for _, o := range Options() {
		if slices.Contains(sharedOptions, o.Names[0]) {
			all = append(all, o)
		}
	}
	return append(all, infoPresetUsage)
}

// infoPresetUsage is of the option that a Dialect does itself.
var infoPresetUsage = transform.Usage{Names: presetUsage.Names, Args: presetUsage.Args, Default: presetUsage.Default,
	Text: "Applies named sets of options of facts from the settings of the server (`--info-presets`), as if they " +
		"were written here."}

// ParseInfo reads the signed part of a path of facts. Errors are those of Parse.
func (d *Dialect) ParseInfo(v Verified) (Request, error) { return d.ParseUnsignedInfo(v.path) }

// ParseUnsignedInfo reads such a path without regard to a signature: for tools and purges.
func (d *Dialect) ParseUnsignedInfo(path string) (Request, error) {
	if err := d.scope.checkInfo(); err != nil {
		return Request{}, err
	}
	r := newInfoRequest()
	options, rest, err := d.factSegments(path)
	if _, ok := d.cfg.InfoPresets[defaultPreset]; ok && err == nil {
		err = d.applyInfoPreset(&r, defaultPreset, nil)
	}
	for i := 0; i < len(options) && err == nil; i++ {
		err = d.applyFactOption(&r, options[i], nil)
	}
	if err != nil {
		return Request{}, err
	}
	ext, err := d.readSource(&r, rest)
	if err == nil && ext != "" {
		err = fmt.Errorf("%w: the extension %s is that of an image; a path of facts has none", ErrBadArgument,
			transform.Quote(ext))
	}
	if err == nil {
		r.Params, err = r.Params.Normalize()
	}
	if err != nil {
		return Request{}, err
	}
	return r, nil
}

// factSegments cuts a path into its options and the rest, which begins with the source.
func (d *Dialect) factSegments(path string) (options []string, rest string, err error) {
	rest = strings.TrimPrefix(path, "/")
	for {
		segment, tail, more := strings.Cut(rest, "/")
		if !strings.Contains(segment, d.separator()) && isEscapedOption(segment) {
			segment = d.withColons(segment)
		}
		switch {
		case !strings.Contains(segment, d.separator()):
			return options, rest, nil
		case !more:
			return nil, "", fmt.Errorf("%w: the source is missing after the options", ErrMalformed)
		}
		options, rest = append(options, segment), tail
	}
}

// ParseInfoUnderRules reads a path of facts without a signature, behind UnsignedMark. Where it asks for more than the
// rules allow, the error wraps ErrUnsigned and names the rule.
func (d *Dialect) ParseInfoUnderRules(path string, rules UnsignedRules) (Request, error) {
	if len(rules.Facts) == 0 {
		return Request{}, unsignedError("facts are not listed", "--unsigned-info")
	}
	options, _, err := d.factSegments(path)
	if err != nil {
		return Request{}, err
	}
	for _, segment := range options {
		listed := strings.ReplaceAll(segment, d.separator(), ":")
		if !slices.Contains(rules.Facts, listed) {
			return Request{}, unsignedError("option "+transform.Quote(listed)+" is not listed", "--unsigned-info")
		}
	}
	return d.ParseUnsignedInfo(path)
}

// CheckInfoPresets says what is wrong with a preset of facts.
func (d *Dialect) CheckInfoPresets() error {
	return d.checkEach(infoPreset, d.cfg.InfoPresets, func(name string) error {
		r := newInfoRequest()
		return d.applyInfoPreset(&r, name, nil)
	})
}

// CheckFactOption says what is wrong with an option of facts, written as in a path.
func (d *Dialect) CheckFactOption(segment string) error {
	r := newInfoRequest()
	return d.applyFactOption(&r, strings.ReplaceAll(segment, ":", d.separator()), nil)
}

// newInfoRequest asks for the facts that are told by default.
func newInfoRequest() Request {
	return Request{Meta: Meta{Form: InfoForm, Facts: Facts{Asked: defaultFacts}}}
}

// infoPreset is what errors call such a preset.
const infoPreset = "preset of facts"

// applyInfoPreset applies a preset of facts. within is that of applyPreset.
func (d *Dialect) applyInfoPreset(r *Request, name string, within []string) error {
	return expandPreset(infoPreset, d.cfg.InfoPresets, name, within, func(option string, within []string) error {
		return d.applyFactOption(r, option, within)
	})
}

// applyFactOption applies one segment of a path of facts. within is that of applyOption.
func (d *Dialect) applyFactOption(r *Request, segment string, within []string) error {
	parts := strings.Split(segment, d.separator())
	name, args := parts[0], parts[1:]
	o, ok := factSetters[name]
	switch {
	case slices.Contains(presetUsage.Names, name):
		for _, preset := range args {
			if preset == "" {
				continue
			}
			if err := d.applyInfoPreset(r, preset, within); err != nil {
				return err
			}
		}
		return nil
	case ok:
		return o.apply(r, name, args)
	case d.ignored[name]:
		return nil
	case setters[name].long != "":
		return fmt.Errorf("%w: %s is an option of images, and no fact to ask for below /info/", ErrUnknownOption,
			transform.Quote(name))
	}
	return unknownOption(name)
}

// InfoPath is the inverse of ParseUnsignedInfo: the signed part of a path of facts.
func (r Request) InfoPath(plain bool) string {
	var b strings.Builder
	b.WriteByte('/')
	r.Meta.Facts.writeOptions(&b)
	if s := r.Params.String(); s != "" {
		b.WriteString(s + "/")
	}
	r.writeOptions(&b)
	return b.String() + r.encodedSource("", plain)
}
