package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pictor-proxy/pictor/transform"
)

// Markers of ITU-T T.81 table B.1, the byte after 0xFF.
const (
	jpegTEM   = 0x01
	jpegSOF0  = 0xC0
	jpegSOF2  = 0xC2
	jpegDHT   = 0xC4
	jpegDAC   = 0xCC
	jpegRST0  = 0xD0
	jpegRST7  = 0xD7
	jpegSOI   = 0xD8
	jpegEOI   = 0xD9
	jpegSOS   = 0xDA
	jpegDQT   = 0xDB
	jpegDNL   = 0xDC
	jpegDRI   = 0xDD
	jpegAPP0  = 0xE0
	jpegAPP1  = 0xE1
	jpegAPP2  = 0xE2
	jpegAPP14 = 0xEE
	jpegAPPF  = 0xEF
	jpegCOM   = 0xFE
)

// iccPrefix stands before each part of a colour profile (ICC.1:2022 §B.4).
const iccPrefix = "ICC_PROFILE\x00"

// jpegWalk follows the markers of one JPEG from SOI to its EOI.
type jpegWalk struct {
	b    []byte
	at   int
	info *transform.Info

	parts       []jpegPart
	progressive bool
	// carried has bit n set once a scan has carried parts[n].
	carried uint
	// last is the header of the latest scan.
	last    []byte
	hasEXIF bool
	colour  jpegColour
	// late counts metadata segments behind the first scan.
	late int
}

// maxJPEGLate is the most metadata segments behind the first scan, where
// encoders write none.
const maxJPEGLate = 1000

// jpegPart is a component of the frame: its identifier and sampling factors.
type jpegPart struct{ id, h, v int64 }

// sniffJPEG asks for the end mark, or for all that goes before it: libjpeg
// shows an image as soon as its data is there.
func sniffJPEG(b []byte, info *transform.Info) error {
	w := jpegWalk{b: b, at: 2, info: info}
	err := w.toEnd()
	if err == nil || errors.Is(err, transform.ErrUnsupported) || !mayWalk(b) {
		return err
	}
	if end, ok := w.dataEnd(); ok {
		info.End = int64(end)
		return nil
	}
	return err
}

// toEnd walks to EOI.
func (w *jpegWalk) toEnd() error {
	for {
		marker, ok := w.nextMarker()
		if !ok {
			return w.truncatedError()
		}
		switch marker {
		case jpegEOI:
			return w.fillInfo()
		case jpegSOI:
			return malformedError("a second JPEG starts inside the first")
		}
		segment, ok := w.readSegment()
		if !ok {
			return w.truncatedError()
		}
		if err := w.visitSegment(marker, segment); err != nil {
			return err
		}
	}
}

// nextMarker finds the next marker that is not a restart. Stuffed zeros, fill
// bytes (T.81 B.1.1.2) and bytes that belong to no segment are passed over, the
// last because libjpeg passes over them too; so scan data needs no reader of
// its own.
func (w *jpegWalk) nextMarker() (byte, bool) {
	for {
		i := bytes.IndexByte(w.b[w.at:], 0xFF)
		if i < 0 {
			return 0, false
		}
		w.at += i + 1
		for w.at < len(w.b) && w.b[w.at] == 0xFF {
			w.at++
		}
		if w.at == len(w.b) {
			return 0, false
		}
		m := w.b[w.at]
		w.at++
		if m == 0 || m == jpegTEM || (m >= jpegRST0 && m <= jpegRST7) {
			continue
		}
		return m, true
	}
}

// readSegment is what follows a marker, without its length; false where the
// length passes the end. A length too small to count itself makes it nil.
func (w *jpegWalk) readSegment() ([]byte, bool) {
	if len(w.b)-w.at < 2 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(w.b[w.at:]))
	if n < 2 {
		return nil, true
	}
	if len(w.b)-w.at < n {
		return nil, false
	}
	s := w.b[w.at+2 : w.at+n]
	w.at += n
	return s, true
}

func (w *jpegWalk) truncatedError() error {
	if w.info.Scans == 0 {
		return cutShort("the JPEG ends before the image data")
	}
	return cutShort("the JPEG ends in the middle of the image data")
}

func (w *jpegWalk) visitSegment(marker byte, segment []byte) error {
	if segment == nil {
		return malformedError("the JPEG has a segment of an impossible length")
	}
	switch {
	case marker == jpegSOS:
		return w.readScanHeader(segment)
	case marker == jpegDHT, marker == jpegDQT, marker == jpegDRI, marker == jpegDAC:
		return nil
	case marker >= jpegSOF0 && marker <= 0xCF:
		return w.readFrameHeader(marker, segment)
	case marker >= jpegAPP0 && marker <= jpegAPPF, marker == jpegCOM:
		w.info.AncillaryBytes += int64(len(segment)) + 4
		// libjpeg goes through all that it keeps for each that it adds. Those
		// before the first scan are left out of what it gets.
		if w.info.Scans > 0 {
			w.late++
		}
		if w.late > maxJPEGLate {
			return malformedError(fmt.Sprintf("the JPEG has more than %d metadata segments behind its first scan",
				maxJPEGLate))
		}
		// libvips reads the first EXIF segment and only those before a scan.
		if marker == jpegAPP1 && w.info.Scans == 0 && !w.hasEXIF && hasMagic(segment, 0, exifPrefix) {
			w.hasEXIF = true
			w.info.Orientation = exifOrientation(segment[len(exifPrefix):])
		}
		if marker == jpegAPP0+2 && hasMagic(segment, 0, iccPrefix) {
			w.info.Profile = true
		}
		if w.info.Scans == 0 {
			w.colour.readSegment(marker, segment)
			w.info.GainMap = w.info.GainMap || isGainMapSegment(segment)
		}
		return nil
	case marker == jpegDNL:
		if w.info.Height == 0 {
			return notRead("JPEGs that declare the height after the image data (DNL) are not supported")
		}
		return nil
	case marker == 0xDE, marker == 0xDF: // DHP, EXP
		return notRead("hierarchical JPEGs are not supported")
	case marker == 0xF7:
		return notRead("JPEG-LS images are not supported")
	}
	return malformedError("the JPEG has an unknown marker")
}

// readFrameHeader reads a frame header (T.81 B.2.2). libjpeg decodes the first three
// processes: baseline, extended sequential and progressive with Huffman codes.
func (w *jpegWalk) readFrameHeader(marker byte, s []byte) error {
	switch {
	case len(w.parts) > 0:
		return malformedError("the JPEG has more than one frame")
	case marker == 0xC3:
		return notRead("lossless JPEGs are not supported")
	case marker >= 0xC5 && marker <= 0xC7, marker >= 0xCD:
		return notRead("hierarchical JPEGs are not supported")
	case marker == 0xCB:
		return notRead("arithmetic-coded lossless JPEGs are not supported")
	case marker == 0xC8:
		return malformedError("the JPEG has an unknown marker")
	case marker > jpegSOF2:
		return notRead("arithmetic-coded JPEGs are not supported")
	case len(s) < 6 || len(s) != 6+3*int(s[5]) || s[5] == 0:
		return malformedError("the JPEG has a frame header of the wrong length")
	case s[0] != 8:
		return notRead(fmt.Sprintf("JPEGs with %d bits per sample are not supported", s[0]))
	case s[5] != 1 && s[5] != 3 && s[5] != 4:
		return notRead(fmt.Sprintf("JPEGs with %d colour components are not supported", s[5]))
	}
	w.info.Height = int(binary.BigEndian.Uint16(s[1:]))
	w.info.Width = int(binary.BigEndian.Uint16(s[3:]))
	if w.info.Width == 0 {
		return malformedError("the JPEG has no width")
	}
	w.info.Bands = int(s[5])
	w.progressive = marker == jpegSOF2
	for s = s[6:]; len(s) >= 3; s = s[3:] {
		p := jpegPart{id: int64(s[0]), h: int64(s[1] >> 4), v: int64(s[1] & 15)}
		if p.h < 1 || p.h > 4 || p.v < 1 || p.v > 4 {
			return malformedError("the JPEG has an impossible sampling factor")
		}
		w.parts = append(w.parts, p)
	}
	return nil
}

// readScanHeader reads a scan header (T.81 B.2.3).
func (w *jpegWalk) readScanHeader(s []byte) error {
	if len(w.parts) == 0 {
		return malformedError("the JPEG has image data before its frame header")
	}
	if len(s) < 1 || s[0] < 1 || s[0] > 4 || len(s) != 4+2*int(s[0]) {
		return malformedError("the JPEG has a scan header of the wrong length")
	}
	var carried uint
	for i := range int(s[0]) {
		at := w.findComponent(int64(s[1+2*i]), carried)
		if at < 0 {
			return malformedError("the JPEG has a scan of an unknown component")
		}
		carried |= 1 << at
	}
	w.info.Scans++
	w.carried |= carried
	w.last = s
	if w.progressive || w.info.Scans > 1 || !w.carriesAllComponents(carried) {
		w.info.CoefficientBytes = w.coefficientBytes()
	}
	return nil
}

// findComponent finds a component that the scan does not have yet, as libjpeg does:
// there are encoders that give all components one identifier.
func (w *jpegWalk) findComponent(id int64, taken uint) int {
	for i, p := range w.parts {
		if p.id == id && taken&(1<<i) == 0 {
			return i
		}
	}
	return -1
}

func (w *jpegWalk) carriesAllComponents(carried uint) bool { return carried == 1<<len(w.parts)-1 }

// coefficientBytes is what libjpeg allocates for an image of several scans: whole
// blocks of 64 two-byte coefficients, for each component up to a whole MCU
// (jdcoefct.c). With 16-bit sides it stays far inside an int64.
func (w *jpegWalk) coefficientBytes() int64 {
	const blockSide, blockBytes = 8, 128
	var hMax, vMax, sum int64
	for _, p := range w.parts {
		hMax, vMax = max(hMax, p.h), max(vMax, p.v)
	}
	ceil := func(n, d int64) int64 { return (n + d - 1) / d }
	for _, p := range w.parts {
		across := ceil(ceil(int64(w.info.Width)*p.h, blockSide*hMax), p.h) * p.h
		down := ceil(ceil(int64(w.info.Height)*p.v, blockSide*vMax), p.v) * p.v
		sum += across * down * blockBytes
	}
	return sum
}

func (w *jpegWalk) fillInfo() error {
	switch {
	case w.info.Scans == 0:
		return malformedError("the JPEG has no image data")
	case w.info.Height == 0:
		return malformedError("the JPEG has no height")
	case !w.carriesAllComponents(w.carried):
		return malformedError("the JPEG has no data for one of the colour components")
	}
	w.info.Normalized = w.normalized()
	return nil
}
