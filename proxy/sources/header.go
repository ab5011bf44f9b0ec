package sources

import (
	"io"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// headerPart is how much of a source is looked at for its header, in bytes. Smaller sources are fetched whole even
// where the header is enough: images of them may follow, which then need no fetch.
const headerPart = 1 << 20

// headerWriter implements origin.PartWriter: it has enough as soon as the header is known. Until then, and for a part
// at most, it keeps what it gets from where the whole source goes.
type headerWriter struct {
	whole    io.Writer
	metadata bool  // the header is known where it has all metadata
	part     int64 // see Part
	held     []byte
	next     int // how long held is to be when it is read again
	received int64
	info     transform.Info
	known    bool
}

// lookStep is after how many more bytes the header is looked for again. Most photographs have it in the first of them.
const lookStep = 16 << 10

func newHeaderWriter(whole io.Writer, metadata bool) *headerWriter {
	return &headerWriter{
		whole: whole, metadata: metadata, part: headerPart, held: make([]byte, 0, lookStep), next: lookStep,
	}
}

// Part implements origin.PartWriter.
func (h *headerWriter) Part() int64 { return h.part }

// Received implements origin.PartWriter.
func (h *headerWriter) Received() (bytes int64, enough bool) { return h.received, h.known }

// Write implements io.Writer.
func (h *headerWriter) Write(b []byte) (int, error) {
	h.received += int64(len(b))
	if h.held == nil {
		return h.whole.Write(b)
	}
	h.held = append(h.held, b...)
	if !h.mayKnow() {
		h.part = 0
	}
	if int64(len(h.held)) >= h.part {
		return len(b), h.flush()
	}
	return len(b), nil
}

// mayKnow looks for the header. It is false where that will not be known before the end.
func (h *headerWriter) mayKnow() bool {
	const enough = 32 // of bytes to know the format
	if h.known || len(h.held) < enough {
		return true
	}
	if f, ok := container.HasHeader(h.held); !ok || h.metadata && f != transform.JPEG {
		return false
	}
	if len(h.held) >= h.next {
		h.info, h.known = container.SniffHeader(h.held)
		h.next = len(h.held) + lookStep
	}
	return true
}

// flush passes on what is held.
func (h *headerWriter) flush() error {
	b := h.held
	h.held = nil
	_, err := h.whole.Write(b)
	return err
}

// endedEarly says whether the fetch of a source of that many bytes has ended with its header.
func (h *headerWriter) endedEarly(size int64) bool { return h != nil && h.known && h.received < size }
