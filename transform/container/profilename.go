package container

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// mostProfile is how much of a colour profile is looked at for its name, in bytes: names stand at the beginning.
const mostProfile = 1 << 20

// iccSegment begins a segment of a JPEG that holds a part of a profile; its number and how many there are follow
// (ICC.1:2022 annex B.4).
const iccSegment = "ICC_PROFILE\x00"

// takeProfile takes the next part of a profile. Parts stand in their order in nearly all files; those of others have
// no name.
func (found *Blocks) takeProfile(part []byte) {
	const numbers = 2
	if len(part) > numbers && len(found.Profile)+len(part) <= mostProfile {
		found.Profile = append(found.Profile, part[numbers:]...)
	}
}

// ProfileName is the description of an ICC profile (ICC.1:2022 §9.2.41), in English where it has that, of at most 256
// bytes; "" where it has none.
func ProfileName(profile []byte) string {
	const count, entry = profileHeader, 12
	if len(profile) < count+4 {
		return ""
	}
	tags := profile[count+4:]
	for range min(binary.BigEndian.Uint32(profile[count:]), 100) {
		if len(tags) < entry {
			return ""
		}
		if string(tags[:4]) == "desc" {
			return descriptionOf(part(profile, tags[4:]))
		}
		tags = tags[entry:]
	}
	return ""
}

// part is what an offset and a size, which begin at says, are of; nil where that is outside.
func part(b, at []byte) []byte {
	from, size := uint64(binary.BigEndian.Uint32(at)), uint64(binary.BigEndian.Uint32(at[4:]))
	if from+size > uint64(len(b)) {
		return nil
	}
	return b[from : from+size]
}

// descriptionOf reads a textDescriptionType of version 2, or a multiLocalizedUnicodeType (ICC.1:2022 §10.15).
func descriptionOf(tag []byte) string {
	const head, record = 16, 12
	const longest = 256
	switch {
	case len(tag) > 12 && string(tag[:4]) == "desc":
		text, _, _ := bytes.Cut(tag[12:], []byte{0})
		return string(bytes.ToValidUTF8(text[:min(len(text), longest)], nil))
	case len(tag) < head+record || string(tag[:4]) != "mluc":
		return ""
	}
	chosen, records := tag[head:], tag[head:]
	for range min(binary.BigEndian.Uint32(tag[8:]), 100) {
		if len(records) < record {
			break
		}
		if string(records[:2]) == "en" {
			chosen = records
			break
		}
		records = records[record:]
	}
	length, from := chosen[4:8], chosen[8:12]
	text := part(tag, append(append([]byte(nil), from...), length...))
	var units []uint16
	for ; len(text) > 1 && len(units) < longest/4; text = text[2:] {
		units = append(units, binary.BigEndian.Uint16(text))
	}
	return string(bytes.TrimRight([]byte(string(utf16.Decode(units))), "\x00"))
}
