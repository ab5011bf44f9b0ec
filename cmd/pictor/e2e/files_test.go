package e2e

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"
)

// pngHeader is a PNG that ends behind its header.
func pngHeader(w, h uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32(nil, w)
	ihdr = binary.BigEndian.AppendUint32(ihdr, h)
	ihdr = append(ihdr, 1, 0, 0, 0, 0) // one bit of grey
	return append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", ihdr)...)
}

func pngChunk(name string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// blankPNG is a whole black PNG of any size in a few kilobytes.
func blankPNG(w, h uint32) []byte {
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	row := make([]byte, 1+(w+7)/8)
	for range h {
		z.Write(row)
	}
	z.Close()
	b := append(pngHeader(w, h), pngChunk("IDAT", data.Bytes())...)
	return append(b, pngChunk("IEND", nil)...)
}

// cpuTime is what a process has used so far, all threads, to the nanosecond.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	d, err := processCPU(pid)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the CPU time of another process is to be had on Linux only")
	}
	if err != nil {
		t.Fatalf("CPU time of %d: %v", pid, err)
	}
	return d
}
