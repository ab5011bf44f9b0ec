package imaginary

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// Config configures a Dialect.
type Config struct {
	// Path is where the operations are, with a slash at both ends: "/imaginary/", or "/".
	Path string
	// SignatureKeys may all have made a signature (imaginary's -url-signature-key).
	SignatureKeys []string
	// APIKeys each open everything to whoever knows one (imaginary's -key).
	APIKeys []string
	// Insecure lets every target pass.
	Insecure bool
}

// Dialect reads targets. It is safe for concurrent use.
type Dialect struct{ cfg Config }

// New makes a Dialect.
func New(cfg Config) (*Dialect, error) {
	if !strings.HasPrefix(cfg.Path, "/") || !strings.HasSuffix(cfg.Path, "/") {
		return nil, errors.New("imaginary: the path must begin and end with a slash")
	}
	for _, key := range append(append([]string(nil), cfg.SignatureKeys...), cfg.APIKeys...) {
		if key == "" {
			return nil, errors.New("imaginary: a key is empty")
		}
	}
	return &Dialect{cfg}, nil
}

// Operations are the names of all operations that there are, and of those that are refused with a sentence.
func Operations() []string {
	names := []string{pipelineName, autorotateName, "watermark", "watermarkimage"}
	for name := range operations {
		names = append(names, name)
	}
	return names
}

// target is a request target, decoded.
type target struct {
	path, operation string
	values          url.Values
}

// Verified is a target that is signed, or that an API key comes with. Only Verify makes one, so that nothing else can
// be parsed for a request.
type Verified struct{ target target }

// String is the operation with its parameters, in order.
func (v Verified) String() string { return v.target.operation + "?" + v.target.values.Encode() }

// parseTarget splits a target as it was sent. What is not of its form in the query is left out, as net/url does.
func (d *Dialect) parseTarget(sent string) (t target, err error) {
	path, query, _ := strings.Cut(sent, "?")
	if t.path, err = url.PathUnescape(path); err != nil {
		return t, fmt.Errorf("%w: invalid percent-encoding in the path", signedurl.ErrMalformed)
	}
	operation, ok := strings.CutPrefix(t.path, d.cfg.Path)
	if !ok || operation == "" || strings.Contains(operation, "/") {
		return t, fmt.Errorf("%w: a path of imaginary looks like %sresize?url=SOURCE&width=300", signedurl.ErrMalformed,
			d.cfg.Path)
	}
	t.operation = operation
	t.values, _ = url.ParseQuery(query)
	return t, nil
}

// Verify checks a request target as it was sent, with its query. apiKey is what the request has in its API-Key header;
// "" for none. The error wraps signedurl.ErrMalformed or signedurl.ErrSignature. Every key is tried, and compared in
// constant time.
func (d *Dialect) Verify(sent, apiKey string) (Verified, error) {
	t, err := d.parseTarget(sent)
	if err != nil {
		return Verified{}, err
	}
	if apiKey == "" {
		apiKey = t.values.Get("key")
	}
	if !d.cfg.Insecure && !d.isSigned(t) && !d.isAPIKey(apiKey) {
		return Verified{}, signedurl.ErrSignature
	}
	return Verified{t}, nil
}

func (d *Dialect) isAPIKey(given string) (known bool) {
	for _, key := range d.cfg.APIKeys {
		if subtle.ConstantTimeCompare([]byte(given), []byte(key)) == 1 {
			known = true
		}
	}
	return known
}

// isSigned says whether a signature is of this target. It may have been made for a server with the path as it is, or
// for one with the operation at the root: either way it is of the same operation with the same parameters.
func (d *Dialect) isSigned(t target) (signed bool) {
	given, err := base64.RawURLEncoding.Strict().DecodeString(t.values.Get("sign"))
	if err != nil {
		return false
	}
	for _, key := range d.cfg.SignatureKeys {
		for _, path := range []string{t.path, "/" + t.operation} {
			if hmac.Equal(given, mac(key, path, t.values)) {
				signed = true
			}
		}
	}
	return signed
}

// mac is of the path, and of all parameters but the signature, in order.
func mac(key, path string, values url.Values) []byte {
	rest := url.Values{}
	for name, list := range values {
		if name != "sign" {
			rest[name] = list
		}
	}
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(path))
	h.Write([]byte(rest.Encode()))
	return h.Sum(nil)
}

// Sign gives the signature of a target with the first key: the value of its parameter sign.
func (d *Dialect) Sign(sent string) (string, error) {
	if len(d.cfg.SignatureKeys) == 0 {
		return "", errors.New("imaginary: there is no key to sign with")
	}
	t, err := d.parseTarget(sent)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(mac(d.cfg.SignatureKeys[0], t.path, t.values)), nil
}
