package container

import (
	"bytes"
	"encoding/binary"
	"image"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// gifControl is a graphic control with a disposal method.
func gifControl(disposal byte) []byte {
	return []byte{'!', gifGraphicControl, 4, disposal << 2, 1, 0, 0, 0}
}

var gifLoop = []byte("!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")

// What was announced and is not there makes an animation incomplete, what browsers leave out does not.
func TestSniffTellsAnAnimationThatBreaksOff(t *testing.T) {
	frame := gifRect(0, 0, 10, 8)
	lossy := webpLossy(40, 30)
	ani := webpFrame(0, 0, 40, 30, lossy)
	webp := riffFile(webpHeader(webpAnimated, 40, 30), webpChunk("ANIM", 0, 0, 0, 0, 0, 0), ani, ani,
		webpChunk("XMP ", make([]byte, 100)...))
	frames := len(webp) - 108 // the place behind the frames
	off := func(by int) []byte {
		b := bytes.Clone(webp[:frames])
		binary.LittleEndian.PutUint32(b[4:], uint32(frames-8+by))
		return b
	}
	for name, tc := range map[string]struct {
		b      []byte
		frames int
		broken bool
	}{
		"whole GIF":                     {gifFile(10, 8, gifLoop, frame, gifOpaque, frame, gifEnd), 2, false},
		"no trailer":                    {gifFile(10, 8, gifLoop, frame, gifOpaque, frame), 2, false},
		"no trailer behind a comment":   {gifFile(10, 8, frame, frame, []byte("!\xfe\x01a\x00")), 2, false},
		"no trailer behind zeros":       {gifFile(10, 8, frame, frame, []byte{0, 0}), 2, false},
		"junk":                          {gifFile(10, 8, frame, frame, []byte("?"), frame, gifEnd), 2, false},
		"zeros between frames":          {gifFile(10, 8, frame, []byte{0}, frame, gifEnd), 1, false},
		"cut in a frame":                {gifFile(10, 8, frame, frame, frame[:len(frame)-1]), 2, true},
		"cut in a descriptor":           {gifFile(10, 8, frame, frame, frame[:5]), 2, true},
		"cut in the second frame":       {gifFile(10, 8, frame, frame[:20]), 1, true},
		"cut in a control":              {gifFile(10, 8, frame, frame, gifOpaque[:5]), 2, true},
		"cut behind a control":          {gifFile(10, 8, frame, frame, gifOpaque), 2, true},
		"cut in a comment":              {gifFile(10, 8, frame, frame, []byte("!\xfe\x09abc")), 2, true},
		"an empty control":              {gifFile(10, 8, frame, frame, []byte("!\xf9\x00"), frame, gifEnd), 2, true},
		"an empty extension":            {gifFile(10, 8, frame, []byte("!\xff\x00"), frame, gifEnd), 2, false},
		"too many empty extensions":     {gifFile(10, 8, frame, bytes.Repeat([]byte("!\xff\x00"), 65), frame, gifEnd), 1, true},
		"whole WebP":                    {webp, 2, false},
		"WebP cut in its metadata":      {webp[:len(webp)-30], 2, false},
		"WebP cut before its metadata":  {webp[:frames], 2, true},
		"WebP cut in a frame":           {webp[:frames-3], 1, true},
		"WebP cut behind the first":     {webp[:frames-len(ani)], 1, true},
		"WebP cut in a frame's head":    {webp[:frames-len(ani)+6], 1, true},
		"WebP of a size 20 too large":   {off(20), 2, false},
		"WebP of a size a frame larger": {off(len(ani)), 2, true},
		"WebP of a size too small":      {off(-7), 2, false},
	} {
		got, err := Sniff(tc.b)
		if err != nil || got.Frames != tc.frames || got.BrokenOff != tc.broken {
			t.Errorf("%s: %d frames, broken off %v, %v", name, got.Frames, got.BrokenOff, err)
			continue
		}
		if got.End == 0 {
			continue
		}
		r, ok := NewRepair(tc.b, got)
		whole, err := Sniff(r.Apply(tc.b))
		if !ok || err != nil || whole.End != 0 || whole.Frames != tc.frames {
			t.Errorf("%s repaired: %+v, %v", name, whole, err)
		}
	}
}

// A later frame of which only the end is missing counts, as the first one does.
func TestSniffTakesALastFrameWithoutItsEnd(t *testing.T) {
	whole := picturetest.GIFOnScreen(30, 20,
		picturetest.GIFFrame{At: image.Rect(0, 0, 30, 20), Transparent: -1},
		picturetest.GIFFrame{At: image.Rect(3, 3, 20, 10), Transparent: -1})
	ends := 0
	for n := len(whole) - 1; n > len(whole)-12; n-- {
		info, err := Sniff(whole[:n])
		if err != nil || info.BrokenOff != (info.Frames == 1) {
			t.Fatalf("%d bytes left out: %+v, %v", len(whole)-n, info, err)
		}
		if info.Frames == 2 {
			ends++
			r, _ := NewRepair(whole[:n], info)
			if again, err := Sniff(r.Apply(whole[:n])); err != nil || again.Frames != 2 || again.End != 0 {
				t.Errorf("%d bytes left out, repaired: %+v, %v", len(whole)-n, again, err)
			}
		}
	}
	if ends < 2 || ends > 9 {
		t.Errorf("the second frame counts with %d of 11 bytes left out", ends)
	}
}

// Pixels that a frame leaves to the background are transparent.
func TestAlphaOfAnAnimatedGIF(t *testing.T) {
	whole, part := gifRect(0, 0, 10, 8), gifRect(2, 2, 3, 3)
	for name, tc := range map[string]struct {
		blocks [][]byte
		alpha  bool
	}{
		"frames stay":                        {[][]byte{gifControl(1), whole, gifControl(1), part}, false},
		"background under a part":            {[][]byte{gifControl(2), whole, gifControl(1), part}, true},
		"background under a whole frame":     {[][]byte{gifControl(2), whole, gifControl(2), whole}, false},
		"background of a part":               {[][]byte{whole, gifControl(2), part, part}, true},
		"background behind the last frame":   {[][]byte{whole, gifControl(2), part}, false},
		"what was before the first frame":    {[][]byte{gifControl(3), whole, part}, true},
		"what was before another frame":      {[][]byte{whole, gifControl(3), part, part}, false},
		"a quirk of old encoders":            {[][]byte{gifControl(4), whole, part}, true},
		"a transparent frame among others":   {[][]byte{whole, gifTransparent, part, whole}, true},
		"transparency, then another control": {[][]byte{whole, gifTransparent, gifOpaque, part}, true},
	} {
		got, err := Sniff(gifFile(10, 8, append(tc.blocks, gifEnd)...))
		if err != nil || got.Alpha != tc.alpha || (got.Bands == 4) != tc.alpha {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// oddAnimations are for fuzzing: ends and blocks that only animations have.
func oddAnimations() (all [][]byte) {
	whole, part := gifRect(0, 0, 10, 8), gifRect(2, 2, 3, 3)
	empty := []byte("!\xff\x00")
	for _, blocks := range [][][]byte{
		{gifLoop, gifControl(2), whole, gifControl(3), part, gifTransparent, part, gifEnd},
		{[]byte("!\xff\x0bANIMEXTS1.0\x03\x01\xff\xff\x00"), whole, empty, part, empty, gifEnd},
		{whole, empty, part, empty}, {whole, gifOpaque, part, gifOpaque}, {whole, []byte("!\xf9\x00"), part, gifEnd},
		{whole, gifRect(65535, 65535, 65535, 65535), gifRect(0, 0, 0, 0), part[:len(part)-1]},
	} {
		all = append(all, gifFile(10, 8, blocks...), gifFile(0, 0, blocks...), gifFile(65535, 65535, blocks...))
	}
	one := webpFrame(0, 0, 1, 1, webpLossless(1, 1, true))
	for _, chunks := range [][][]byte{
		{one, one, one}, {one, webpChunk("what", 1, 2, 3), one},
		{one, webpFrame(0, 0, 1, 1, webpChunk("ALPH", 1), webpLossy(1, 1))},
		{one, webpChunk("ANMF", make([]byte, 15)...)}, {one, webpFrame(38, 28, 2, 2, webpLossy(2, 2)), webpChunk("EXIF", 1)},
	} {
		head := [][]byte{webpHeader(webpAnimated, 40, 30), webpChunk("ANIM", 0, 0, 0, 0, 0, 0)}
		b := riffFile(slices.Concat(head, chunks)...)
		all = append(all, b, b[:len(b)-len(one)/2])
	}
	return all
}
