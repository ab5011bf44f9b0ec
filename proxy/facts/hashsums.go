package facts

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// ErrHashsum: the source has another hashsum than it must have.
var ErrHashsum = errors.New("wrong hashsum")

const hashsums = signedurl.FactMD5 | signedurl.FactSHA1 | signedurl.FactSHA256 | signedurl.FactSHA512

var hashes = map[string]struct {
	fact signedurl.FactSet
	make func() hash.Hash
}{
	"md5": {signedurl.FactMD5, md5.New}, "sha1": {signedurl.FactSHA1, sha1.New},
	"sha256": {signedurl.FactSHA256, sha256.New}, "sha512": {signedurl.FactSHA512, sha512.New},
}

// sum checks the expected hashsum, and tells those that are asked for.
func (t *told) sum(ctx context.Context, b []byte, asked signedurl.Facts) error {
	wanted, expected, _ := strings.Cut(asked.Expected, ":")
	for name, h := range hashes {
		if name != wanted && !asked.Asked.Has(h.fact) {
			continue
		}
		sum, err := sumOf(ctx, b, h.make())
		switch {
		case err != nil:
			return err
		case name == wanted && sum != expected:
			return fmt.Errorf("%w: %s is %s", ErrHashsum, name, sum)
		}
		if asked.Asked.Has(h.fact) {
			if t.Hashsums == nil {
				t.Hashsums = map[string]string{}
			}
			t.Hashsums[name] = sum
		}
	}
	return nil
}

// sumOf is the hashsum in hexadecimal digits.
func sumOf(ctx context.Context, b []byte, h hash.Hash) (string, error) {
	for step := 0; len(b) > 0; b = b[step:] {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		step = min(1<<20, len(b))
		h.Write(b[:step])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
