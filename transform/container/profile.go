package container

import (
	"bytes"
	"compress/zlib"
	"io"
	"slices"
)

// profileHeader is the size of an ICC profile's header (ICC.1:2022 §7.2).
const profileHeader = 128

// profileFits says whether a profile, of which b is the beginning, is for
// samples of one of these colour spaces. The pipeline has the same rule, and
// ignores a profile that does not fit (vips/colour.c).
func profileFits(b []byte, spaces ...string) bool {
	const class, space = 12, 16
	if len(b) < profileHeader || slices.Contains([]string{"link", "abst", "nmcl"}, string(b[class:space])) {
		return false
	}
	return slices.Contains(spaces, string(b[space:space+4]))
}

// pngProfile is the header of the profile in an iCCP chunk, nil where it cannot be read.
func pngProfile(chunk []byte) []byte {
	if header := inflateProfile(chunk, profileHeader); len(header) == profileHeader {
		return header
	}
	return nil
}

// inflateProfile is the profile of an iCCP chunk (PNG 3rd edition §11.3.2.3), up to so many bytes, or as many as there
// are before it is broken.
func inflateProfile(chunk []byte, most int64) []byte {
	_, rest, ok := bytes.Cut(chunk, []byte{0})
	if !ok || len(rest) < 1 {
		return nil
	}
	z, err := zlib.NewReader(bytes.NewReader(rest[1:]))
	if err != nil {
		return nil
	}
	profile, _ := io.ReadAll(io.LimitReader(z, most))
	return profile
}
