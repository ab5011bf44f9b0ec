package signedurl

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// Request is the content of a path: a source, parameters of the transform, and the
// expiry of the URL. Requests are comparable.
type Request struct {
	// Source is the source's URL, decoded. Where SourceHash is set Parse leaves it empty: a server
	// finds it by the hash.
	Source     string
	SourceHash SourceHash
	Params     transform.Params
	// Auto leaves the format to what the client accepts (f:auto); Params.Format
	// is FormatUnknown then.
	Auto bool
	// AnimatedFormat is the format of the result, instead of Params.Format, where the source is
	// an animation; FormatUnknown for none. Negotiation sets it: no URL has it.
	AnimatedFormat transform.Format
	// CacheBuster has no effect on the picture; another value is another
	// cache entry.
	CacheBuster string
	// Tags are for purging the result, in order, with a blank between them; TagList
	// splits them.
	Tags string
	// Expires is in Unix seconds; 0 means never.
	Expires int64
	SavedAs
	Limits Limits
	// Picks are signed lists that nothing was picked of yet.
	Picks Picks
	// Meta asks for facts about the image instead of the image.
	Meta Meta
	// Terms are those of the dialect for all of its URLs.
	Terms Terms
	Freshness
}

// SavedAs is how browsers save an image. It has no effect on the image.
type SavedAs struct {
	// Filename is the name, without an extension; empty for the source's own. Attachment makes browsers save
	// the image instead of showing it.
	Filename   string
	Attachment bool
}

// Freshness is how long the result of a request is fresh, whatever the origin says.
type Freshness struct {
	// MaxAge, if HasMaxAge, is how long the result is fresh, in seconds.
	MaxAge    int64
	HasMaxAge bool
}

// Terms are what the settings of a dialect say of its results, whatever a URL asks for.
type Terms struct {
	// MinAge is for how long a result is fresh at least, in seconds; 0 for no such bound.
	MinAge int64
	// Refused are formats of sources that are errors.
	Refused transform.FormatSet
}

// Limits are limits of the server that a URL sets for itself; a zero field leaves the
// server's. A server refuses them unless its operator allows them.
type Limits struct {
	// SourcePixels bounds width times height of the source, FramePixels those
	// of an animation's frame, SourceBytes its file, Frames its frames.
	SourcePixels, FramePixels, SourceBytes, Frames int64
}

// NeedsPermission says whether r sets limits, which servers refuse unless told
// otherwise.
func (r Request) NeedsPermission() bool { return r.Limits != Limits{} || r.Params.MaxSide != 0 }

// TagList are the Tags.
func (r Request) TagList() []string { return strings.Fields(r.Tags) }

// Expired says whether the URL was good until before now.
func (r Request) Expired(now time.Time) bool {
	return r.Expires != 0 && now.Unix() > r.Expires
}

// Canonical is one text for all spellings of a request: the identity of a result. It
// leaves out the fields that have no effect on the image (Expires, Filename,
// Attachment), and the hash of a source that is known.
func (r Request) Canonical() string {
	var b strings.Builder
	if r.IsPlaceholder() {
		r.Params.Placeholder = transform.NoPlaceholder // it is the result
	}
	if p := r.Params.String(); p != "" {
		b.WriteString(p)
		b.WriteByte('/')
	}
	identity := r
	identity.Expires = 0
	identity.Filename, identity.Attachment = "", false
	identity.writeOptions(&b)
	if r.Auto {
		b.WriteString("f:" + autoFormat + "/")
	}
	if r.AnimatedFormat != transform.FormatUnknown {
		b.WriteString("animated:" + r.AnimatedFormat.Ext() + "/")
	}
	// Only other dialects and paths of facts have these, and no dialect parses a canonical text.
	if r.Meta.Form != "" {
		b.WriteString("meta:" + r.Meta.Form + "/")
	}
	if r.IsInfo() {
		r.Meta.Facts.writeOptions(&b)
	}
	if r.HasMaxAge {
		b.WriteString("max_age:" + strconv.FormatInt(r.MaxAge, 10) + "/")
	}
	if r.Terms.MinAge != 0 {
		b.WriteString("min_age:" + strconv.FormatInt(r.Terms.MinAge, 10) + "/")
	}
	if r.Terms.Refused != 0 {
		b.WriteString("refused:" + strconv.Itoa(int(r.Terms.Refused)) + "/")
	}
	if r.Source == "" && r.IsHidden() {
		b.WriteString(hashPrefix + r.SourceHash.String())
		return b.String()
	}
	// Without the word, an option at the source's beginning would read as one
	// of the request's.
	b.WriteString(plainPrefix + r.Source)
	return b.String()
}

// ParseUnsigned is Dialect.ParseUnsigned of the zero Dialect.
func ParseUnsigned(path string) (Request, error) {
	var d Dialect
	return d.ParseUnsigned(path)
}

// writeOptions writes the options about the request instead of the image.
func (r Request) writeOptions(b *strings.Builder) {
	for _, o := range requestOptions {
		if text := o.text(r); text != "" {
			b.WriteString(o.Short() + ":" + text + "/")
		}
	}
}

// Path is the inverse of ParseUnsigned: the signed part of a path for r. The source
// is base64url, or plain for people to read, or its hash if there is one; the format becomes an
// extension, because CDNs decide by it.
func (r Request) Path(plain bool) string {
	options, ext := r.optionsAndExtension()
	return options + r.encodedSource(ext, plain)
}

// optionsAndExtension are the parts of a path beside the source: all options but the format, between slashes,
// and the extension for the format, "" for none.
func (r Request) optionsAndExtension() (options, ext string) {
	p := r.Params
	ext = p.Format.Ext()
	switch {
	case r.Auto:
		ext = autoFormat
	case r.IsPlaceholder():
		ext = r.Meta.Form
	}
	p.Format = transform.FormatUnknown
	var b strings.Builder
	b.WriteByte('/')
	if s := p.String(); s != "" {
		b.WriteString(s)
		b.WriteByte('/')
	}
	r.writeOptions(&b)
	return b.String(), ext
}

// SignedPath is the whole path of r, signature first.
func (k *Keyring) SignedPath(r Request, plain bool) string {
	path := r.Path(plain)
	return "/" + k.Sign(path) + path
}

// IsHidden says that a path names its source by a hash, so that nothing in a response may tell which
// it is.
func (r Request) IsHidden() bool { return r.SourceHash != SourceHash{} }

// encodedSource is the source as it stands in a path: its hash, if there is one.
func (r Request) encodedSource(ext string, plain bool) string {
	if !r.IsHidden() {
		return encodeSource(r.Source, ext, plain)
	}
	if ext != "" {
		ext = "." + ext
	}
	return hashPrefix + r.SourceHash.String() + ext
}

// IsInfo says that the request is of a path below /info/.
func (r Request) IsInfo() bool { return r.Meta.Form == InfoForm }

// IsPlaceholder says that the result is one of Placeholders, as text.
func (r Request) IsPlaceholder() bool { return slices.Contains(Placeholders, r.Meta.Form) }

// NamesFormat says whether the URL settles the format of the result, so that no negotiation by default changes it.
func (r Request) NamesFormat() bool {
	p := r.Params
	return p.Best != 0 || p.Format != transform.FormatUnknown || p.Raw || r.Meta.Form != ""
}
