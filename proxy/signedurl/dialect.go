package signedurl

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// Dialect reads paths, by those parts of the grammar that an operator may set. The
// zero Dialect is the grammar without any of it. It is safe for concurrent use.
type Dialect struct {
	cfg     DialectConfig
	presets map[string]Request
	allowed map[string]bool // by long name; nil for all
	ignored map[string]bool // by any name
	// scope is what paths may name of all that; nil for everything.
	scope *scope
}

// DialectConfig configures a Dialect; zero fields are imgproxy's defaults.
type DialectConfig struct {
	// Presets are options by a name, "rs:fill:300:200/q:80" by "card". They may
	// name other presets. The one called default is applied to every request
	// first (IMGPROXY_PRESETS).
	Presets map[string]string
	// InfoPresets are options of paths of facts by a name, with default as above
	// (IMGPROXY_INFO_PRESETS). CheckInfoPresets says whether they are right.
	InfoPresets map[string]string
	// OnlyPresets reads the first segment as names of presets and takes no
	// options (IMGPROXY_ONLY_PRESETS).
	OnlyPresets bool
	// Allowed are the options that a path may name, by any of their names; nil
	// for all. Presets may name others (IMGPROXY_ALLOWED_PROCESSING_OPTIONS).
	Allowed []string
	// Ignored are options of imgproxy's paid edition that are passed over
	// instead of refused, by the names of Ignorable.
	Ignored []string
	// Separator stands between an option and its arguments; "" means ":"
	// (IMGPROXY_ARGUMENTS_SEPARATOR).
	Separator string
	// Filename says that the last segment of a base64 source is a name for
	// search engines and not part of it
	// (IMGPROXY_BASE64_URL_INCLUDES_FILENAME).
	Filename bool
	// SourceKey decrypts sources behind "enc/": 16, 24 or 32 bytes; nil for
	// none (IMGPROXY_SOURCE_URL_ENCRYPTION_KEY).
	SourceKey []byte
}

// defaultPreset is applied to every request.
const defaultPreset = "default"

// NewDialect checks a configuration: presets must be right, or no request that
// names one could be.
func NewDialect(cfg DialectConfig) (*Dialect, error) {
	d := &Dialect{cfg: cfg, presets: map[string]Request{}, ignored: map[string]bool{}}
	if cfg.OnlyPresets && len(cfg.Presets) == 0 {
		return nil, errors.New("only presets are accepted, but there are no presets")
	}
	if s := cfg.Separator; strings.ContainsAny(s, "/%?#@.") || s != "" && strings.TrimSpace(s) == "" {
		return nil, fmt.Errorf("the argument separator %s cannot be used: it would end an option or a source",
			transform.Quote(s))
	}
	switch len(cfg.SourceKey) {
	case 0, 16, 24, 32:
	default:
		return nil, fmt.Errorf("a source key must have 16, 24 or 32 bytes, got %d", len(cfg.SourceKey))
	}
	for _, name := range cfg.Ignored {
		if _, ok := ignorableOptions[name]; !ok {
			return nil, fmt.Errorf("option %s cannot be ignored; these can: %s", transform.Quote(name),
				strings.Join(Ignorable(), ", "))
		}
		for _, same := range ignorableOptions[name] {
			d.ignored[same] = true
		}
	}
	if cfg.Allowed != nil {
		d.allowed = map[string]bool{}
		for _, name := range cfg.Allowed {
			long := setters[name].long
			if slices.Contains(presetUsage.Names, name) {
				long = presetUsage.Names[0]
			}
			if long == "" {
				return nil, fmt.Errorf("there is no option %s to allow", transform.Quote(name))
			}
			d.allowed[long] = true
		}
	}
	return d, d.checkPresets()
}

func (d *Dialect) checkPresets() error {
	return d.checkEach("preset", d.cfg.Presets, func(name string) error {
		var r Request
		err := d.applyPreset(&r, name, nil)
		if err == nil {
			_, err = r.choose(Choice{})
		}
		return err
	})
}

// checkEach checks presets, of which what says what they are.
func (d *Dialect) checkEach(what string, presets map[string]string, check func(name string) error) error {
	for name := range presets {
		if name == "" || strings.ContainsAny(name, "/"+d.separator()) {
			return fmt.Errorf("%s %s: a name must not be empty or contain a slash or the separator", what,
				transform.Quote(name))
		}
		if err := check(name); err != nil {
			return fmt.Errorf("%s %s: %w", what, transform.Quote(name), err)
		}
	}
	return nil
}

func (d *Dialect) separator() string {
	if d.cfg.Separator == "" {
		return ":"
	}
	return d.cfg.Separator
}

// applyPreset applies a preset. within are the presets that name it, which it must
// not name itself.
func (d *Dialect) applyPreset(r *Request, name string, within []string) error {
	return expandPreset("preset", d.cfg.Presets, name, within, func(segment string, within []string) error {
		return d.applyOption(r, segment, within)
	})
}

// expandPreset has the options of a preset applied, of which what says what it is.
func expandPreset(what string, presets map[string]string, name string, within []string,
	apply func(segment string, within []string) error) error {
	options, ok := presets[name]
	switch {
	case !ok:
		return fmt.Errorf("%w: there is no %s %s", ErrUnknownPreset, what, transform.Quote(name))
	case slices.Contains(within, name):
		return fmt.Errorf("%w: %s %s includes itself", ErrBadArgument, what, transform.Quote(name))
	}
	within = append(within, name)
	for segment := range strings.SplitSeq(strings.Trim(options, "/"), "/") {
		if err := apply(segment, within); err != nil {
			return err
		}
	}
	return nil
}

// applyOption applies one segment, "name:arg:arg". within are the presets that have
// it, nil for a segment of a path.
func (d *Dialect) applyOption(r *Request, segment string, within []string) error {
	parts := strings.Split(segment, d.separator())
	name, args := parts[0], parts[1:]
	if err := d.scope.checkOption(name, within); err != nil {
		return err
	}
	if slices.Contains(presetUsage.Names, name) {
		if within == nil && d.allowed != nil && !d.allowed[presetUsage.Names[0]] {
			return notAllowed(name)
		}
		return d.applyPresets(r, args, within)
	}
	o, ok := setters[name]
	switch {
	case d.ignored[name]:
		return nil
	case !ok:
		return unknownOption(name)
	case within == nil && d.allowed != nil && !d.allowed[o.long]:
		return notAllowed(name)
	}
	return o.apply(r, name, args)
}

// apply sets what the arguments of an option say, which goes by this name in the path.
func (o setter) apply(r *Request, name string, args []string) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("%w: option %s needs an argument", ErrBadArgument, name)
	case len(args) > o.most:
		return fmt.Errorf("%w: option %s takes at most %d arguments, got %d", ErrBadArgument, name, o.most, len(args))
	}
	for i, a := range args {
		// Some client libraries encode their arguments as URL components.
		decoded, err := url.PathUnescape(a)
		if err != nil {
			return fmt.Errorf("%w: invalid percent-encoding in option %s, argument %s", ErrBadArgument, name,
				transform.Quote(a))
		}
		args[i] = decoded
	}
	if o.long == "format" && !r.IsInfo() {
		if r.setNamedFormat(args[0]) {
			return nil
		}
	}
	if err := o.set(r, args); err != nil {
		return fmt.Errorf("%w: option %s: %w", ErrBadArgument, name, err)
	}
	return nil
}

// autoFormat stands for the format that the client takes best.
const autoFormat = "auto"

// setNamedFormat sets a format that is a word for another thing than a format of images: the choice of the client, or
// a placeholder. It is false for other names, and takes back what such a name has set.
func (r *Request) setNamedFormat(name string) bool {
	r.Auto = name == autoFormat
	r.Meta.Form = ""
	if slices.Contains(Placeholders, name) {
		r.Meta.Form = name
	}
	if r.Auto || r.IsPlaceholder() {
		r.Params.Format, r.Params.Best = transform.FormatUnknown, 0
		return true
	}
	return false
}

// presetUsage is of the option that a Dialect does itself.
var presetUsage = transform.Usage{Names: []string{"preset", "pr"}, Args: "name:…", Default: "`default`, if it exists",
	Text: "Applies named sets of options from the settings of the server (`--presets`), as if they were written here."}

// applyPresets applies presets by their names.
func (d *Dialect) applyPresets(r *Request, names, within []string) error {
	for _, name := range names {
		if name == "" {
			continue
		}
		if err := d.scope.checkPreset(name, within); err != nil {
			return err
		}
		if err := d.applyPreset(r, name, within); err != nil {
			return err
		}
	}
	return nil
}

func notAllowed(name string) error {
	return fmt.Errorf("%w: option %s is not allowed on this server (--allow-options)", ErrUnknownOption,
		transform.Quote(name))
}

// Parse reads the signed part of a path. Errors wrap ErrMalformed,
// ErrUnknownOption, ErrUnknownPreset or ErrBadArgument.
func (d *Dialect) Parse(v Verified) (Request, error) { return d.ParseUnsigned(v.path) }

// ParseUnsigned reads such a path without regard to a signature: for tools, and for
// requests that give no image. A request for an image is read by Verify and Parse.
func (d *Dialect) ParseUnsigned(path string) (Request, error) {
	return d.ParseUnsignedChoice(path, Choice{})
}

// readPath reads such a path up to what Request.choose makes of it.
func (d *Dialect) readPath(path string) (Request, error) { return d.readEnding(path, d.readSource) }

// readEnding reads options, and then what readEnd makes of the rest: the source, and the extension behind it.
func (d *Dialect) readEnding(
	path string, readEnd func(r *Request, rest string) (ext string, err error),
) (Request, error) {
	var r Request
	if _, ok := d.cfg.Presets[defaultPreset]; ok {
		if err := d.applyPreset(&r, defaultPreset, nil); err != nil {
			return Request{}, err
		}
	}
	rest, err := d.readOptions(&r, strings.TrimPrefix(path, "/"))
	if err != nil {
		return Request{}, err
	}
	ext, err := readEnd(&r, rest)
	if err != nil {
		return Request{}, err
	}
	if err := d.scope.checkExtension(ext); err != nil {
		return Request{}, err
	}
	if ext != "" && !r.Params.Raw && !r.setExtension(ext) { // the extension speaks last
		hint := ""
		if strings.Contains(ext, "/") { // plain/https://me@example.com/a.jpg
			hint = "; write %40 for an @ in the source URL"
		}
		return Request{}, fmt.Errorf("%w: the extension %s is not one of %s%s",
			ErrBadArgument, transform.Quote(ext), transform.FormatNames(transform.Outputs), hint)
	}
	return r, nil
}

// setExtension sets the format that an extension says. It reports false for one that says none.
func (r *Request) setExtension(ext string) bool {
	if r.setNamedFormat(ext) {
		return true
	}
	f, ok := transform.ParseOutput(ext)
	if ok || ext == transform.BestFormat {
		r.Params.Format, r.Params.Best = f, 0
	}
	if ext == transform.BestFormat {
		r.Params.Best = transform.BestOfAccepted
	}
	return ok || ext == transform.BestFormat
}

// readOptions applies the segments before the source and gives the rest of the path.
// The first segment without a separator begins the source. A segment whose colons
// are all escaped is an option, too: a client may have signed it in that form.
func (d *Dialect) readOptions(r *Request, rest string) (string, error) {
	noSource := fmt.Errorf("%w: the source is missing after the options", ErrMalformed)
	if d.cfg.OnlyPresets {
		names, tail, more := strings.Cut(rest, "/")
		if !more {
			return "", noSource
		}
		return tail, d.applyPresets(r, strings.Split(d.withColons(names), d.separator()), nil)
	}
	for first := true; ; first = false {
		segment, tail, more := strings.Cut(rest, "/")
		if !strings.Contains(segment, d.separator()) && isEscapedOption(segment) {
			segment = d.withColons(segment)
		}
		if !strings.Contains(segment, d.separator()) {
			if first && slices.Contains([]string{"fit", "fill", "fill-down", "force", "auto", "crop"}, segment) &&
				more {
				return "", fmt.Errorf("%w: imgproxy's basic URL format (/SIGNATURE/%s/WIDTH/HEIGHT/…) is not "+
					"supported; use rs:%s:WIDTH:HEIGHT",
					ErrMalformed, segment, segment)
			}
			return rest, nil
		}
		if !more {
			return "", noSource
		}
		if err := d.applyOption(r, segment, nil); err != nil {
			return "", err
		}
		rest = tail
	}
}

// withColons unescapes the colons of a segment that has only escaped ones, if the
// separator is a colon.
func (d *Dialect) withColons(segment string) string {
	if d.separator() != ":" || strings.Contains(segment, ":") {
		return segment
	}
	return colons.Replace(segment)
}
