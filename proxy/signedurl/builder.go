package signedurl

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// Builder mints URLs of one server. Its fields may be set before the first
// use; then it is safe for concurrent use.
type Builder struct {
	// Keyring signs.
	Keyring *Keyring
	// Server stands before every path: "https://img.example.com", with the
	// server's path prefix if it has one; "" mints paths alone.
	Server string
	// Plain leaves sources readable instead of encoding them as base64url.
	Plain bool
	// SourceKey encrypts sources (EncryptSource); nil leaves them readable.
	SourceKey []byte
	// HashKey has URLs name sources by their hash (HashSource), which must be registered with the server;
	// nil leaves them readable. It goes before SourceKey.
	HashKey []byte
	// Now is the clock of ExpiresIn; nil means time.Now.
	Now func() time.Time
}

// URL is a picture's URL on its way. Its methods give a changed copy, so that
// several URLs can begin as one.
type URL struct {
	b       *Builder
	r       Request
	choice  Choice
	presets []string
	// upload says that the body of a request is the source.
	upload bool
	err    error
}

// Source begins a URL for the picture at a source.
func (b *Builder) Source(source string) URL { return URL{b: b, r: Request{Source: source}} }

// With changes any parameter of the transform, for options that have no method of
// their own.
func (u URL) With(change func(*transform.Params)) URL {
	change(&u.r.Params)
	return u
}

// Options adds options as they stand in a path, "rs:fill:300:200/q:80".
func (u URL) Options(options string) URL {
	if u.err != nil {
		return u
	}
	var d Dialect
	for segment := range strings.SplitSeq(strings.Trim(options, "/"), "/") {
		if name, names, _ := strings.Cut(segment, ":"); name == "preset" || name == "pr" {
			u = u.Preset(strings.Split(names, ":")...)
			continue
		}
		apply := d.applyOption
		if u.r.IsInfo() {
			apply = d.applyFactOption
		}
		if err := apply(&u.r, segment, nil); err != nil {
			u.err = err
			return u
		}
	}
	return u
}

// Fit has the picture fit into a box, in pixels; 0 for a side that follows.
func (u URL) Fit(width, height int) URL { return u.withBox(transform.Fit, width, height) }

// Fill has the picture cover a box, in pixels, and cuts what sticks out.
func (u URL) Fill(width, height int) URL { return u.withBox(transform.Fill, width, height) }

func (u URL) withBox(m transform.ResizeMode, width, height int) URL {
	u.r.Params.Mode = m
	u.r.Params.Width, u.r.Params.Height = width, height
	return u
}

// DPR multiplies the size for dense screens. Of a list of PickDPRs it is the one that the URL picks.
func (u URL) DPR(ratio float64) URL {
	if u.r.Picks.DPRs != "" {
		u.choice.dpr = strconv.FormatFloat(ratio, 'f', -1, 64)
		return u
	}
	u.r.Params.DPR = ratio
	return u
}

// Gravity says what a fill or a crop keeps.
func (u URL) Gravity(g transform.Gravity) URL {
	u.r.Params.Gravity = g
	return u
}

// Quality is 1 to 100; 0 is the format's own.
func (u URL) Quality(q int) URL {
	u.r.Params.Quality = q
	return u
}

// Format is that of the result. Of a list of PickFormats it is the one that the URL picks.
func (u URL) Format(f transform.Format) URL {
	if u.r.Picks.Formats != "" {
		u.choice.format = f.Ext()
		return u
	}
	u.r.Params.Format, u.r.Params.Best = f, 0
	u.r.Auto = false
	return u
}

// Preset names presets of the server, which come before all options.
func (u URL) Preset(names ...string) URL {
	u.presets = append(append([]string(nil), u.presets...), names...)
	return u
}

// CacheBuster makes it another entry of caches, which keep it for a year.
func (u URL) CacheBuster(text string) URL {
	u.r.CacheBuster = text
	return u
}

// Filename is the name under which browsers save the image, without an extension.
func (u URL) Filename(name string) URL {
	u.r.Filename = name
	return u
}

// leastStep is the shortest time between two ends of URLs.
const leastStep = time.Minute

// ExpiresIn has the URL hold for at least d, and at most a quarter longer, or
// a minute if that is more: its end is rounded up to whole quarters of d, so
// that all URLs minted within a quarter are the same, and caches still hit.
func (u URL) ExpiresIn(d time.Duration) URL {
	now := time.Now
	if u.b.Now != nil {
		now = u.b.Now
	}
	if d <= 0 {
		u.err = fmt.Errorf("a URL cannot expire %v ago", -d)
		return u
	}
	step := int64(max(d/4, leastStep) / time.Second)
	end := now().Add(d + time.Second - 1).Unix()
	u.r.Expires = (end + step - 1) / step * step
	return u
}

// ExpiresAt has the URL hold until a time.
func (u URL) ExpiresAt(t time.Time) URL {
	u.r.Expires = t.Unix()
	return u
}

// Path is the signed path. Errors say which option is wrong; they are those
// that the server would answer with.
func (u URL) Path() (string, error) {
	if u.err != nil {
		return "", u.err
	}
	params, err := u.r.Params.Normalize()
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrBadArgument, err)
	}
	u.r.Params = params
	if u.b.HashKey != nil {
		u.r.SourceHash = HashSource(u.b.HashKey, u.r.Source)
	}
	if u.r.IsInfo() {
		return u.infoPath()
	}
	path, before := u.r.Path(u.b.Plain), u.choice.String()
	switch {
	case u.upload:
		path, before = u.r.UploadPath(), "/"+UploadMark
	case u.b.SourceKey != nil && u.b.HashKey == nil:
		if path, err = u.encryptedPath(); err != nil {
			return "", err
		}
	}
	if len(u.presets) > 0 {
		path = "/pr:" + strings.Join(u.presets, ":") + path
	}
	// The server must be able to read the path that is signed, and the choice before it.
	d := Dialect{cfg: DialectConfig{SourceKey: u.b.SourceKey, Presets: map[string]string{}}, presets: nil}
	for _, name := range u.presets {
		d.cfg.Presets[name] = "q:0"
	}
	if u.upload {
		_, err = d.ParseUnsignedUpload(path)
	} else {
		_, err = d.ParseUnsignedChoice(path, u.choice)
	}
	if err != nil {
		return "", err
	}
	return before + "/" + u.b.Keyring.Sign(path) + path, nil
}

// encryptedPath is the path of the URL with its source encrypted.
func (u URL) encryptedPath() (string, error) {
	segment, err := EncryptSource(u.b.SourceKey, u.r.Source)
	if err != nil {
		return "", err
	}
	if f := u.r.Params.Format; f != transform.FormatUnknown {
		segment += "." + f.Ext()
	}
	hidden := u.r
	hidden.Source, hidden.Params.Format = "", transform.FormatUnknown
	return hidden.Path(false) + encPrefix + segment, nil
}

// URL is the whole URL.
func (u URL) URL() (string, error) {
	path, err := u.Path()
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(u.b.Server, "/") + path, nil
}

// SrcSet is the value of a srcset attribute: the picture in several widths, in pixels, each as high as its
// proportions have it. All URLs have one signature, of a list of the widths (Pick), and differ in front of it. A
// URL that has a list already picks of that one.
func (u URL) SrcSet(widths ...int) (string, error) {
	if u.upload {
		return "", fmt.Errorf("%w: an upload has no srcset", ErrBadArgument)
	}
	var b strings.Builder
	set := u.withPick(widths)
	for i, w := range widths {
		one, err := set.Width(w).URL()
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %dw", one, w)
	}
	return b.String(), nil
}

// Width is another width, in pixels: a height, if there is one, keeps the proportions. Of a list of Pick it is the
// one that the URL picks.
func (u URL) Width(w int) URL {
	if u.r.Picks.Widths != "" {
		u.choice.width = strconv.Itoa(w)
		return u
	}
	scaleTo(&u.r.Params, w)
	return u
}

// Img is an img element with a srcset, ready for a page. sizes is its sizes
// attribute, "(max-width: 600px) 100vw, 600px"; alt its text.
func (u URL) Img(alt, sizes string, widths ...int) (string, error) {
	if len(widths) == 0 {
		return "", fmt.Errorf("%w: a srcset needs a width", ErrBadArgument)
	}
	u = u.withPick(widths)
	src, err := u.Width(widths[len(widths)-1]).URL()
	if err != nil {
		return "", err
	}
	set, err := u.SrcSet(widths...)
	if err != nil {
		return "", err
	}
	if sizes == "" {
		sizes = "100vw"
	}
	return fmt.Sprintf(`<img src="%s" srcset="%s" sizes="%s" alt="%s">`,
		html.EscapeString(src), html.EscapeString(set), html.EscapeString(sizes), html.EscapeString(alt)), nil
}

// String is the whole URL, or what is wrong with it.
func (u URL) String() string {
	s, err := u.URL()
	if err != nil {
		return "invalid URL: " + err.Error()
	}
	return s
}
