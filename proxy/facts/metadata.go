package facts

import (
	"strings"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform/container"
)

// MetadataBytes is what telling metadata takes, in bytes: packets of more than maxPacket are left out, and what is
// read of others, and of the tables of an AVIF, is bounded in number and length.
const MetadataBytes = 8 << 20

// maxPacket is the size of the longest XMP that is read, in bytes.
const maxPacket = 256 << 10

// metadata is what the file says of the image besides its pixels.
type metadata struct {
	EXIF map[string]string         `json:"exif,omitempty"`
	IPTC map[string]any            `json:"iptc,omitempty"`
	XMP  map[string]map[string]any `json:"xmp,omitempty"`
	// Profile is the name of the colour profile.
	Profile string `json:"profile,omitempty"`
}

func (m *metadata) read(src Source, asked signedurl.FactSet) {
	if asked&signedurl.MetadataFacts == 0 {
		return
	}
	blocks := container.FindBlocks(src.Bytes, src.Info.Format)
	if asked.Has(signedurl.FactEXIF) {
		m.EXIF = exifFacts(blocks.EXIF, asked.Has(signedurl.FactCanonicalNames))
	}
	if asked.Has(signedurl.FactProfile) {
		m.Profile = container.ProfileName(blocks.Profile)
	}
	if asked.Has(signedurl.FactIPTC) {
		m.IPTC = iptcFacts(blocks.IPTC)
	}
	if asked.Has(signedurl.FactXMP) && len(blocks.XMP) <= maxPacket {
		m.XMP = xmpFacts(blocks.XMP)
	}
}

// validText is text in UTF-8. What is none is taken for Latin-1, as old programs wrote it.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
