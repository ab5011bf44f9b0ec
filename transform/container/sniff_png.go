package container

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// pngBands says how many bands a colour type has and which bit depths it may
// have, as bits of a mask (PNG 3rd edition §11.2.1 table 12).
var pngBands = map[byte]struct {
	bands  int
	depths uint32
}{
	0: {1, 1<<1 | 1<<2 | 1<<4 | 1<<8 | 1<<16},
	2: {3, 1<<8 | 1<<16},
	3: {3, 1<<1 | 1<<2 | 1<<4 | 1<<8},
	4: {2, 1<<8 | 1<<16},
	6: {4, 1<<8 | 1<<16},
}

// sniffPNG walks the chunks to IEND. Only the checksum of the header is
// checked: the dimensions must be what the encoder wrote, while checksums of
// the rest are the decoder's business.
func sniffPNG(b []byte, info *transform.Info) error {
	rest := b[len(pngSignature):]
	if hasMagic(rest, 4, "CgBI") {
		return notRead("PNGs that Xcode converted for iOS (CgBI) are not supported")
	}
	if len(rest) >= 8 && (binary.BigEndian.Uint32(rest) != 13 || string(rest[4:8]) != "IHDR") {
		return malformedError("the PNG does not start with a header")
	}
	const headerChunk = 13 + 12
	if len(rest) < headerChunk {
		return cutShort("the PNG ends in its header")
	}
	if err := pngHeader(rest[:headerChunk], info); err != nil {
		return err
	}
	at, err := pngChunks(b, len(pngSignature)+headerChunk, info)
	if err == nil || errors.Is(err, transform.ErrUnsupported) || at < firstIDAT(b) || !mayWalk(b) {
		return err // decoders end there, too, where it is before the image data
	}
	// Without its end, or with junk before it, the image is whole where all of
	// its rows are.
	if data := pngData(b); data.whole {
		info.End = int64(at)
		return nil
	}
	return err
}

func pngHeader(chunk []byte, info *transform.Info) error {
	crcAt := len(chunk) - 4
	if crc32.ChecksumIEEE(chunk[4:crcAt]) != binary.BigEndian.Uint32(chunk[crcAt:]) {
		return malformedError("the checksum of the PNG header is wrong")
	}
	h := chunk[8:crcAt]
	width, height := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
	if width == 0 || width > math.MaxInt32 || height == 0 || height > math.MaxInt32 {
		return malformedError("the PNG has an impossible width or height")
	}
	depth, colour := h[8], h[9]
	interlace := h[12]
	kind, ok := pngBands[colour]
	if !ok || depth > 16 || kind.depths&(1<<depth) == 0 {
		return malformedError("the PNG has an impossible colour type")
	}
	if h[10] != 0 || h[11] != 0 || interlace > 1 {
		return malformedError("the PNG has an unknown compression, filter or interlace method")
	}
	info.Width, info.Height = int(width), int(height)
	info.Bands = kind.bands
	info.Alpha = colour&4 != 0
	info.Interlaced = interlace == 1
	if depth == 16 {
		info.Bits = 16
	}
	return nil
}

// pngChunks walks what follows the header (PNG 3rd edition §5.3). Besides an
// error it gives the place up to which all was well.
func pngChunks(b []byte, at int, info *transform.Info) (int, error) {
	const overhead = 12
	var hasData, hasEXIF bool
	var colour pngColour
	// Also where an end is missing: the data may be whole all the same.
	defer func() { declareSpace(info, colour.declaredSpace(info.Profile, info.Colour()), colour.unread) }()
	for {
		rest := b[at:]
		if len(rest) < overhead {
			return pngCutAt(b, at), pngCut(hasData)
		}
		n := binary.BigEndian.Uint32(rest)
		name := rest[4:8]
		if n > math.MaxInt32 || !isChunkName(name) {
			return at, malformedError("the PNG has a chunk of an impossible length or name")
		}
		if int64(n) > int64(len(rest)-overhead) {
			return pngCutAt(b, at), pngCut(hasData)
		}
		data := rest[8 : 8+n]
		switch string(name) {
		case "IEND":
			if !hasData {
				return at, malformedError("the PNG has no image data")
			}
			return at, nil
		case "IDAT":
			hasData = true
		case "IHDR":
			return at, malformedError("the PNG has more than one header")
		case "eXIf":
			// The first one counts, and only before the data (§11.3.4.6).
			if !hasData && !hasEXIF {
				hasEXIF = true
				info.Orientation = exifOrientation(data)
			}
			info.AncillaryBytes += int64(n) + overhead
		default:
			if !hasData {
				colour.readChunk(string(name), data)
				if string(name) == "iCCP" && colour.srgb && !info.Profile {
					info.HiddenProfile, info.Normalized = true, true
				}
			}
			if err := pngAncillary(name, data, hasData, info); err != nil {
				return at, err
			}
		}
		at += int(n) + overhead
	}
}

// pngCutAt is where the chunks end if the one at at is cut: image data counts
// as far as it goes.
func pngCutAt(b []byte, at int) int {
	if hasMagic(b, at+4, "IDAT") {
		return len(b)
	}
	return at
}

func pngCut(hasData bool) error {
	if !hasData {
		return cutShort("the PNG ends before the image data")
	}
	return cutShort("the PNG ends in the middle of the image data")
}

// isChunkName: four letters, so that a walk that lost its way is noticed.
func isChunkName(name []byte) bool {
	for _, c := range name {
		if c |= 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// takePNGProfile takes a profile, and what it says of the samples.
func takePNGProfile(data []byte, info *transform.Info) {
	info.Profile = true
	space := "RGB "
	if !info.Colour() {
		space = "GRAY"
	}
	info.Normalized = info.Normalized || !profileFits(pngProfile(data), space)
}

// pngAncillary takes what is told outside of header and image data. The
// frames of an animation are no metadata, so their chunks are not counted.
func pngAncillary(name, data []byte, hasData bool, info *transform.Info) error {
	switch string(name) {
	case "acTL":
		if hasData || len(data) < 8 {
			return nil
		}
		frames := binary.BigEndian.Uint32(data)
		if frames > math.MaxInt32 {
			return malformedError("the PNG has an impossible number of frames")
		}
		info.Frames = max(1, int(frames))
		info.AncillaryBytes += int64(len(data)) + 12 // by itself it would make a still image move
		return nil
	case "fcTL", "fdAT":
		return nil
	case "iCCP":
		if !hasData { // else decoders ignore it (§5.6)
			takePNGProfile(data, info)
		}
	case "tRNS":
		// Beside an alpha channel it is not allowed, and decoders ignore it.
		if !info.Alpha && !hasData {
			info.Alpha = true
			info.Bands++
		}
	}
	const lowerCase = 0x20
	if name[0]&lowerCase != 0 {
		info.AncillaryBytes += int64(len(data)) + 12
	}
	return nil
}
