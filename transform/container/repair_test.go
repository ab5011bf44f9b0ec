package container

import (
	"bytes"
	"compress/flate"
	"compress/lzw"
	"compress/zlib"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func FuzzRepair(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.b)
		f.Add(s.b[:len(s.b)-2])
		f.Add(append(slices.Clip(s.b[:len(s.b)-1]), "\r\njunk"...))
	}
	for _, b := range oddAnimations() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Sniff(b)
		if err != nil {
			return
		}
		r, ok := NewRepair(b, info)
		if info.Format == transform.PNG && !ok {
			r, ok = NewPNGRepair(b, info)
		}
		if !ok {
			if info.End > 0 && info.Format != transform.PNG {
				t.Fatalf("no repair of %+v", info)
			}
			return
		}
		behind := int64(0)
		for _, p := range r.Patches {
			if p.At < behind || len(p.Bytes) == 0 {
				t.Fatalf("patches in no order: %+v", r)
			}
			behind = p.At + int64(len(p.Bytes))
		}
		if r.Size < behind || r.Size > int64(len(b))+repairSlack {
			t.Fatalf("%d bytes become %d, patched up to %d", len(b), r.Size, behind)
		}
		whole, err := Sniff(r.Apply(b))
		same := whole.Width == info.Width && whole.Height == info.Height && whole.Frames == info.Frames
		if err != nil || whole.End != 0 || !same {
			t.Fatalf("repaired: %+v, %v\nbefore:   %+v", whole, err, info)
		}
	})
}

// Go's compress/flate inflates what the walk counts.
func FuzzDeflateWalk(f *testing.F) {
	for _, level := range []int{zlib.NoCompression, zlib.BestSpeed, zlib.BestCompression, zlib.HuffmanOnly} {
		var b bytes.Buffer
		w, _ := zlib.NewWriterLevel(&b, level)
		io.WriteString(w, "one and one and one and two and two are seven")
		w.Close()
		f.Add(b.Bytes(), uint16(40))
	}
	f.Fuzz(func(t *testing.T, data []byte, want uint16) {
		file := pngFile(pngIHDR(1, 1, 8, 0, 0), pngChunk("IDAT", data...))
		w := deflateWalk{in: idatBytes{b: file[:len(file)-4]}, want: uint64(want) + 1}
		if !w.in.enterChunk(firstIDAT(file)) {
			t.Fatal("no data")
		}
		w.walkStream()
		if len(data) < 2 || w.out > 1<<24 {
			return
		}
		r, err := zlib.NewReader(bytes.NewReader(data[:2]))
		if err != nil {
			return
		}
		r.Close()
		out, err := io.ReadAll(flate.NewReader(bytes.NewReader(append(slices.Clip(data[2:]), 0, 0, 0, 0))))
		if uint64(len(out)) < w.out {
			t.Fatalf("the walk counts %d, flate gives %d (%v)", w.out, len(out), err)
		}
		if w.ended && (err != nil || uint64(len(out)) != w.out) {
			t.Fatalf("the walk ended at %d, flate at %d (%v)", w.out, len(out), err)
		}
		if w.whole != (w.out >= w.want) {
			t.Fatalf("%d of %d: whole %v", w.out, w.want, w.whole)
		}
	})
}

// Go's compress/lzw decodes what the walk counts.
// What ListGIF lists lies in the file, and it lists the frames that Sniff counts.
func FuzzListGIF(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.b, 0)
		f.Add(s.b, 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, most int) {
		info, err := Sniff(b)
		if err != nil || info.Format != transform.GIF || most < 0 {
			return
		}
		if r, ok := NewRepair(b, info); ok {
			b = r.Apply(b)
		}
		l, err := ListGIF(b, info, most)
		if want := info.Frames; err != nil || len(l.Frames) > want || most == 0 && len(l.Frames) != want {
			t.Fatalf("%d frames of %d, %v", len(l.Frames), want, err)
		}
		for _, frame := range l.Frames {
			for _, s := range []Span{frame.Colours, frame.Data} {
				if s.From < 0 || s.To < s.From || s.To > len(b) {
					t.Fatalf("%+v of %d bytes", frame, len(b))
				}
			}
			if n := frame.Colours.To - frame.Colours.From; n > 768 || n%3 != 0 || frame.Data.From == frame.Data.To {
				t.Fatalf("%+v", frame)
			}
		}
	})
}

func FuzzGIFData(f *testing.F) {
	var b bytes.Buffer
	w := lzw.NewWriter(&b, lzw.LSB, 4)
	w.Write(bytes.Repeat([]byte{1, 2, 1, 2, 3, 7, 7, 7, 7, 1}, 50))
	w.Close()
	f.Add(b.Bytes(), byte(4), uint16(500))
	f.Fuzz(func(t *testing.T, codes []byte, size byte, pixels uint16) {
		if size < 2 || size > 8 {
			return
		}
		data := []byte{size}
		for rest := codes; len(rest) > 0; {
			n := min(len(rest), 255)
			data = append(append(data, byte(n)), rest[:n]...)
			rest = rest[n:]
		}
		stop := gifDataEnd(data, int64(pixels))
		out, _ := io.ReadAll(lzw.NewReader(bytes.NewReader(codes), lzw.LSB, int(size)))
		if stop.end > 0 && len(out) < int(pixels) {
			t.Fatalf("the walk ends at %d, but lzw gives %d of %d pixels", stop.end, len(out), pixels)
		}
	})
}

// The walk of a JPEG's data ends whatever it holds, and reads no further than
// it says.
func FuzzJPEGData(f *testing.F) {
	for _, s := range samples(f) {
		if s.want.Format == transform.JPEG {
			f.Add(s.b[:len(s.b)-2])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 3 {
			return
		}
		info := transform.Info{Format: transform.JPEG, Orientation: 1, Frames: 1, Bits: 8}
		if err := sniffJPEG(b, &info); err != nil || info.End == 0 {
			return
		}
		cut := transform.Info{Format: transform.JPEG, Orientation: 1, Frames: 1, Bits: 8}
		if err := sniffJPEG(b[:info.End], &cut); err != nil || cut.End != info.End {
			t.Fatalf("cut at its end %d: %+v, %v", info.End, cut, err)
		}
	})
}

// Above a size nothing is walked: an image without its end is refused then.
func TestLongImagesWithoutAnEndAreRefused(t *testing.T) {
	jpeg := picturetest.JPEG(picturetest.Photo(60, 40, 1), 80)
	comment := append([]byte{0xff, 0xfe, 0xff, 0xff}, make([]byte, 0xffff-2)...)
	const segment = 2 + 0xffff
	long := func(n int) []byte {
		b := append([]byte(nil), jpeg[:2]...)
		for range n {
			b = append(b, comment...)
		}
		return append(b, jpeg[2:len(jpeg)-2]...)
	}
	most := (maxWalked - len(jpeg)) / segment
	if info, err := Sniff(long(most)); err != nil || info.End == 0 {
		t.Errorf("%d bytes: %v", most*segment, err)
	}
	if _, err := Sniff(long(most + 1)); !errors.Is(err, transform.ErrTruncated) {
		t.Errorf("%d bytes: %v", (most+1)*segment, err)
	}
}
