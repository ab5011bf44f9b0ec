package picturetest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
)

// profileSize is the size of every profile that is made here, so that one can
// stand in the place of another inside of an image.
const profileSize = 5 << 10

// Profile is an ICC profile (ICC.1:2001-04) of a class such as "mntr", for
// samples of a colour space such as "RGB ", with a transform for as many
// channels as that space has:
//
//   - GRAY is linear light.
//   - RGB is sRGB whose red and blue are exchanged.
//   - CMYK is white, and black where there is cyan. The other inks do not show.
//   - Lab is Lab as 8 bits hold it.
func Profile(class, space string) []byte {
	pcs, tags := profileTags(space)
	b := iccFile(class, space, pcs, tags)
	if len(b) > profileSize {
		panic("picturetest: a profile has outgrown profileSize")
	}
	return b
}

func profileTags(space string) (pcs string, tags map[string][]byte) {
	pcs = "Lab "
	switch space {
	case "GRAY":
		pcs, tags = "XYZ ", map[string][]byte{"kTRC": iccCurve(nil)}
	case "CMYK":
		tags = map[string][]byte{"A2B0": iccTable(4, func(corner int) [3]byte {
			if corner&8 != 0 { // the first channel varies slowest
				return [3]byte{0, 128, 128}
			}
			return [3]byte{255, 128, 128}
		})}
	case "Lab ":
		tags = map[string][]byte{"A2B0": iccTable(3, func(corner int) [3]byte {
			return [3]byte{byte(corner >> 2 & 1 * 255), byte(corner >> 1 & 1 * 255), byte(corner & 1 * 255)}
		})}
	default:
		pcs, tags = "XYZ ", map[string][]byte{
			"rXYZ": iccXYZ(0.1430804, 0.0606169, 0.7141733), "gXYZ": iccXYZ(0.3850649, 0.7168786, 0.0971045),
			"bXYZ": iccXYZ(0.4360747, 0.2225045, 0.0139322),
			"rTRC": iccCurve(toLinear), "gTRC": iccCurve(toLinear), "bTRC": iccCurve(toLinear),
		}
	}
	tags["wtpt"] = iccXYZ(0.9642, 1, 0.8249)
	tags["cprt"] = []byte("text\x00\x00\x00\x00none\x00")
	return pcs, tags
}

func iccFile(class, space, pcs string, tags map[string][]byte) []byte {
	be := binary.BigEndian
	b := make([]byte, 128)
	copy(b[8:], "\x02\x10\x00\x00"+class+space+pcs)
	copy(b[36:], "acsp")
	copy(b[68:], iccXYZ(0.9642, 1, 0.8249)[8:])
	b = be.AppendUint32(b, uint32(len(tags)))
	at := len(b) + 12*len(tags)
	var data []byte
	var names []string
	for name := range tags {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = append(b, name...)
		b = be.AppendUint32(be.AppendUint32(b, uint32(at+len(data))), uint32(len(tags[name])))
		data = append(data, tags[name]...)
		data = append(data, make([]byte, -len(data)&3)...)
	}
	b = append(b, data...)
	b = append(b, make([]byte, max(0, profileSize-len(b)))...)
	be.PutUint32(b, uint32(len(b)))
	return b
}

func iccXYZ(xyz ...float64) []byte {
	b := []byte("XYZ \x00\x00\x00\x00")
	for _, v := range xyz {
		b = binary.BigEndian.AppendUint32(b, uint32(math.Round(v*65536)))
	}
	return b
}

// iccCurve is a tone curve; nil is the identity.
func iccCurve(f func(float64) float64) []byte {
	const n = 512
	b := []byte("curv\x00\x00\x00\x00")
	if f == nil {
		return binary.BigEndian.AppendUint32(b, 0)
	}
	b = binary.BigEndian.AppendUint32(b, n)
	for i := range n {
		b = binary.BigEndian.AppendUint16(b, uint16(math.Round(f(float64(i)/(n-1))*65535)))
	}
	return b
}

// iccTable is a lut8Type from so many channels to Lab, with two points a side.
func iccTable(channels int, at func(corner int) [3]byte) []byte {
	b := []byte("mft1\x00\x00\x00\x00")
	b = append(b, byte(channels), 3, 2, 0)
	for i := range 9 {
		b = binary.BigEndian.AppendUint32(b, map[bool]uint32{true: 1 << 16}[i%4 == 0])
	}
	identity := make([]byte, 256)
	for i := range identity {
		identity[i] = byte(i)
	}
	b = append(b, bytes.Repeat(identity, channels)...)
	for corner := range 1 << channels {
		c := at(corner)
		b = append(b, c[:]...)
	}
	return append(b, bytes.Repeat(identity, 3)...)
}

// WithJPEGProfile puts a profile into a JPEG.
func WithJPEGProfile(jpg, profile []byte) []byte {
	return WithSegment(jpg, 2, append([]byte("ICC_PROFILE\x00\x01\x01"), profile...))
}

// WithPNGChunk puts a chunk behind a PNG's header.
func WithPNGChunk(png []byte, name string, data []byte) []byte {
	const header = 8 + 25
	return slices.Concat(png[:header], pngChunk(name, data), png[header:])
}

// WithPNGProfile puts a profile into a PNG.
func WithPNGProfile(png, profile []byte) []byte {
	b := bytes.NewBufferString("test\x00\x00")
	w := zlib.NewWriter(b)
	_, _ = w.Write(profile) // writing to memory does not fail
	_ = w.Close()
	return WithPNGChunk(png, "iCCP", b.Bytes())
}

// RawPNG is a PNG of a colour type (PNG 3rd edition §11.2.1) with these samples,
// which Go's encoder chooses by itself.
func RawPNG(w, h int, depth, colour byte, samples []byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	head = append(head, depth, colour, 0, 0, 0)
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	stride := len(samples) / h
	for y := range h {
		_, _ = z.Write(append([]byte{0}, samples[y*stride:(y+1)*stride]...))
	}
	_ = z.Close()
	b := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range []struct {
		name string
		data []byte
	}{{"IHDR", head}, {"IDAT", data.Bytes()}, {"IEND", nil}} {
		b = append(b, pngChunk(c.name, c.data)...)
	}
	return b
}

func pngChunk(name string, data []byte) []byte {
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), name...)
	chunk = append(chunk, data...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
}

// SlowProfile is an RGB profile whose transform has n steps, each a
// matrix that changes nothing (ICC.1:2022 §10.16). All of them are one and the same
// in the file.
func SlowProfile(n int) []byte {
	be := binary.BigEndian
	tag := be.AppendUint32([]byte("mpet\x00\x00\x00\x00\x00\x03\x00\x03"), uint32(n))
	step := []byte("matf\x00\x00\x00\x00\x00\x03\x00\x03")
	for i := range 12 { // three rows, and what is added
		step = be.AppendUint32(step, math.Float32bits(map[bool]float32{true: 1}[i < 9 && i%4 == 0]))
	}
	head := len(tag) + 8*n
	for range n {
		tag = be.AppendUint32(be.AppendUint32(tag, uint32(head)), uint32(len(step)))
	}
	pcs, tags := profileTags("RGB ")
	tags["D2B0"] = append(tag, step...)
	return iccFile("mntr", "RGB ", pcs, tags)
}
