package signedurl

import (
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// UploadMark begins the path of a request whose body is the source: POST /transform/SIGNATURE/OPTIONS/upload.webp.
const UploadMark = "transform"

// uploadSource stands where other paths have a source. It is base64 of no text, so that no signature of a
// path with a source is one of an upload, nor the other way round.
const uploadSource = "upload"

// CutUpload is the part of a request target behind UploadMark, with its slash; false for a target that does not
// begin with it.
func CutUpload(target string) (path string, ok bool) {
	path, ok = strings.CutPrefix(PathOf(target), "/"+UploadMark+"/")
	return "/" + path, ok
}

// ParseUpload reads the signed part of a path for an upload. The Request has no Source. Errors are those of Parse.
func (d *Dialect) ParseUpload(v Verified) (Request, error) { return d.ParseUnsignedUpload(v.path) }

// ParseUnsignedUpload reads such a path without regard to a signature: for tools.
func (d *Dialect) ParseUnsignedUpload(path string) (Request, error) {
	r, err := d.readEnding(path, readUploadSource)
	if err != nil {
		return Request{}, err
	}
	return r.choose(Choice{})
}

// readUploadSource reads the end of a path for an upload, and gives the extension, "" for none.
func readUploadSource(_ *Request, s string) (ext string, err error) {
	name, ext, ok := cutExtension(s, ".")
	if name != uploadSource || !ok {
		return "", fmt.Errorf("%w: %s is neither an option nor the end of a path for an upload (%s or %s.EXTENSION)",
			ErrMalformed, transform.Quote(s), uploadSource, uploadSource)
	}
	return ext, nil
}

// UploadPath is the inverse of ParseUnsignedUpload: the signed part of a path for an upload. The format becomes
// an extension.
func (r Request) UploadPath() string {
	options, ext := r.optionsAndExtension()
	if ext != "" {
		ext = "." + ext
	}
	return options + uploadSource + ext
}

// Upload begins a URL to which a client sends the source in the body of a POST. It has no srcset.
func (b *Builder) Upload() URL { return URL{b: b, upload: true} }
