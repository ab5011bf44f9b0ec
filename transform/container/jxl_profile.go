package container

import (
	"encoding/binary"
	"errors"
)

// jxlProfile is the ICC profile in the codestream of a JPEG XL; nil where there is none, or one that is broken or too
// long.
func jxlProfile(b []byte) []byte {
	f, err := openJXL(b)
	if err != nil {
		return nil
	}
	r := newJXLBits(b, f.pieces)
	var h jxlHeader
	if h.readBeforeProfile(r) != nil || r.short || !h.colour.profile {
		return nil
	}
	const most = mostProfile / 4 // what it takes to read them is several times that
	var packed []byte
	if readJXLProfile(r, most, func(v byte) { packed = append(packed, v) }) != nil || r.short {
		return nil
	}
	profile, err := unpackProfile(packed)
	if err != nil {
		return nil
	}
	return profile
}

var errPackedProfile = errors.New("broken colour profile")

// profileUnpacker makes a profile of what JPEG XL has of it: commands, and bytes that these use (ISO/IEC 18181-1
// §E.4).
type profileUnpacker struct {
	commands, data, out []byte
	size                uint64
	err                 error
}

// unpackProfile unpacks one of at most mostProfile.
func unpackProfile(packed []byte) ([]byte, error) {
	u := profileUnpacker{commands: packed}
	u.size = u.number()
	commands := u.number()
	if u.err != nil || u.size > mostProfile || commands > uint64(len(u.commands)) {
		return nil, errPackedProfile
	}
	u.commands, u.data = u.commands[:commands], u.commands[commands:]
	u.unpackHeader()
	if uint64(len(u.out)) < u.size {
		u.unpackTags()
	}
	for u.err == nil && len(u.commands) > 0 {
		u.unpackContent(u.command())
	}
	if u.err == nil && uint64(len(u.out)) != u.size {
		u.err = errPackedProfile
	}
	return u.out, u.err
}

// command is the next byte of the commands.
func (u *profileUnpacker) command() byte {
	if len(u.commands) == 0 {
		u.err = errPackedProfile
		return 0
	}
	c := u.commands[0]
	u.commands = u.commands[1:]
	return c
}

// number is one of the commands', in groups of seven bits from the lowest.
func (u *profileUnpacker) number() uint64 {
	v, n := binary.Uvarint(u.commands)
	if n <= 0 {
		u.err = errPackedProfile
		return 0
	}
	u.commands = u.commands[n:]
	return v
}

// take is so many bytes of the data; nil where these end before.
func (u *profileUnpacker) take(n uint64) []byte {
	if n > uint64(len(u.data)) {
		u.err = errPackedProfile
		return nil
	}
	b := u.data[:n]
	u.data = u.data[n:]
	return b
}

func (u *profileUnpacker) put(b ...byte) {
	if uint64(len(u.out)+len(b)) > u.size {
		u.err = errPackedProfile
		return
	}
	u.out = append(u.out, b...)
}

func (u *profileUnpacker) putNumber(v uint64) {
	u.put(binary.BigEndian.AppendUint32(nil, uint32(v))...)
}

// unpackHeader adds to a header as most profiles have it.
func (u *profileUnpacker) unpackHeader() {
	usual := make([]byte, profileHeader)
	binary.BigEndian.PutUint32(usual, uint32(u.size))
	usual[8] = 4
	copy(usual[12:], "mntrRGB XYZ ")
	copy(usual[36:], "acsp")
	copy(usual[68:], "\x00\x00\xf6\xd6\x00\x01\x00\x00\x00\x00\xd3\x2d") // D50
	for i, add := range u.take(min(profileHeader, u.size)) {
		switch {
		case i == 8: // the creator is often the colour management
			copy(usual[80:84], u.out[4:8])
		case i == 41 && u.out[40] == 'A':
			copy(usual[41:], "PPL")
		case i == 41 && u.out[40] == 'M':
			copy(usual[41:], "SFT")
		case i == 42 && u.out[40] == 'S' && u.out[41] == 'G':
			copy(usual[42:], "I ")
		case i == 42 && u.out[40] == 'S' && u.out[41] == 'U':
			copy(usual[42:], "N ")
		}
		u.put(usual[i] + add)
	}
}

// Tags that have a number, from firstTag on.
var packedTags = []string{
	"cprt", "wtpt", "bkpt", "rXYZ", "gXYZ", "bXYZ", "kXYZ", "rTRC", "gTRC", "bTRC", "kTRC", "chad", "desc", "chrm",
	"dmnd", "dmdd", "lumi",
}

// unpackTags makes the list of tags.
func (u *profileUnpacker) unpackTags() {
	const otherTag, threeCurves, threeColours, firstTag = 1, 2, 3, 4
	const hasStart, hasSize, entry = 64, 128, 12
	count := u.number()
	if count == 0 || u.err != nil {
		return
	}
	count--
	u.putNumber(count)
	start, size := profileHeader+count*entry, uint64(0) // of the tag before
	for u.err == nil && len(u.commands) > 0 {
		command := u.command()
		var tag string
		switch code := command & 63; {
		case code == 0:
			return
		case code == otherTag:
			tag = string(u.take(4))
		case code == threeCurves:
			tag = "rTRC"
		case code == threeColours:
			tag = "rXYZ"
		case int(code-firstTag) < len(packedTags):
			tag = packedTags[code-firstTag]
		default:
			u.err = errPackedProfile
			return
		}
		start += size
		if command&hasStart != 0 {
			start = u.number()
		}
		switch tag {
		case "rXYZ", "gXYZ", "bXYZ", "kXYZ", "wtpt", "bkpt", "lumi":
			size = 20
		}
		if command&hasSize != 0 {
			size = u.number()
		}
		u.putTag(tag, start, size)
		switch command & 63 {
		case threeCurves:
			u.putTag("gTRC", start, size)
			u.putTag("bTRC", start, size)
		case threeColours:
			u.putTag("gXYZ", start+size, size)
			u.putTag("bXYZ", start+2*size, size)
		}
	}
}

func (u *profileUnpacker) putTag(tag string, start, size uint64) {
	u.put([]byte(tag)...)
	u.putNumber(start)
	u.putNumber(size)
}

// Types that have a command, from firstType on.
var packedTypes = []string{"XYZ ", "desc", "text", "mluc", "para", "curv", "sf32", "gbd "}

// unpackContent makes what is behind the list of tags, command by command.
func (u *profileUnpacker) unpackContent(command byte) {
	const insert, pairs, fours, predict, triple, firstType = 1, 2, 3, 4, 10, 16
	const reserved = "\x00\x00\x00\x00"
	switch {
	case command == insert:
		u.put(u.take(u.number())...)
	case command == pairs:
		u.put(interleaved(u.take(u.number()), 2)...)
	case command == fours:
		u.put(interleaved(u.take(u.number()), 4)...)
	case command == predict:
		u.unpackPredicted()
	case command == triple:
		u.put([]byte("XYZ " + reserved)...)
		u.put(u.take(12)...)
	case command >= firstType && int(command-firstType) < len(packedTypes):
		u.put([]byte(packedTypes[command-firstType] + reserved)...)
	default:
		u.err = errPackedProfile
	}
}

// interleaved puts bytes together that stand in so many rows: all first ones, then all second ones.
func interleaved(b []byte, rows int) []byte {
	out := make([]byte, 0, len(b))
	columns := (len(b) + rows - 1) / rows
	for from := range columns {
		for at := from; at < len(b); at += columns {
			out = append(out, b[at])
		}
	}
	return out
}

// unpackPredicted makes numbers of their differences from what those before lead to expect.
func (u *profileUnpacker) unpackPredicted() {
	flags := u.command()
	width, order := uint64(flags&3)+1, flags>>2&3
	stride := width
	if flags&16 != 0 {
		stride = u.number()
	}
	b := u.take(u.number())
	if u.err != nil || width == 3 || order == 3 || stride < width || stride >= mostProfile ||
		4*stride >= uint64(len(u.out)) {
		u.err = errPackedProfile
		return
	}
	if width > 1 {
		b = interleaved(b, int(width))
	}
	for i := uint64(0); i < uint64(len(b)) && u.err == nil; i++ {
		at := uint64(len(u.out)) - i%width
		before := func(n uint64) (v uint32) {
			for _, c := range u.out[at-n*stride:][:width] {
				v = v<<8 | uint32(c)
			}
			return v
		}
		expected := before(1)
		switch order {
		case 1:
			expected = 2*before(1) - before(2)
		case 2:
			expected = 3*before(1) - 3*before(2) + before(3)
		}
		u.put(b[i] + byte(expected>>(8*(width-1-i%width))))
	}
}
