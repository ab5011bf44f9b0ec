package worker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pictor-proxy/pictor/transform"
)

// The two sides speak frames over a Unix stream socket: four bytes with the
// length of a JSON header, eight bytes with the length of a body, both big
// endian, then header and body. The source of a job is no body: its file
// descriptor travels beside the frame's first byte (SCM_RIGHTS), and after it
// that of a watermark.
//
// A worker says "ready" once, when it is. Each request is answered by "begun" as soon as
// it is read, by which the server sees that the worker runs. A job is then answered by
// one "picture" for each output, in any order, as each
// becomes ready, and then by one "done" or one "failed". A "look" is answered by one
// "looked" or "failed", a "probe" by one "probed", a "trim" by one "trimmed". "pages" and
// "spare" are not answered at all. Nothing else is ever sent.

// socketFD is where a worker finds its socket: the first descriptor after the
// standard three.
const socketFD = 3

// errDied: the worker ended, or spoke nonsense, and nobody here had ended it.
var errDied = fmt.Errorf("%w: the worker process ended", transform.ErrCrashed)

// kind says what a frame is.
type kind string

const (
	kindReady   kind = "ready"
	kindBegun   kind = "begun"
	kindJob     kind = "job"
	kindLook    kind = "look"
	kindProbe   kind = "probe"
	kindTrim    kind = "trim"  // give all freed memory back
	kindSpare   kind = "spare" // give it back if it may be more than Spare; sent to idle workers
	kindPicture kind = "picture"
	kindDone    kind = "done"
	kindFailed  kind = "failed"
	kindLooked  kind = "looked"
	kindProbed  kind = "probed"
	kindTrimmed kind = "trimmed"
)

// request is the header of what the server sends.
type request struct {
	Kind    kind
	Info    transform.Info     `json:",omitzero"`
	Outputs []transform.Params `json:",omitempty"`
	Starts  []int              `json:",omitempty"`
	// Watermark is of the second file.
	Watermark transform.Info `json:",omitzero"`
	// Spare is how many bytes of freed memory the worker may have besides what the
	// job takes, and keep for the next one.
	Spare int64 `json:",omitempty"`
}

// response is the header of what a worker sends.
type response struct {
	Kind kind
	// Build is the BuildID of a worker that is ready.
	Build string `json:",omitempty"`
	// Index, Format, Width and Height describe a picture.
	Index  int              `json:",omitempty"`
	Format transform.Format `json:",omitempty"`
	Width  int              `json:",omitempty"`
	Height int              `json:",omitempty"`
	// Searched is of a picture, too.
	Searched transform.Searched `json:",omitzero"`
	// Placeholder is of a picture, too.
	Placeholder string `json:",omitempty"`
	// Class and Text are a failure: one of classes, and a sentence for people.
	// Detail is the codec's own text, for the log.
	Class  string `json:",omitempty"`
	Text   string `json:",omitempty"`
	Detail string `json:",omitempty"`
	// Content answers a look.
	Content *transform.Rect `json:",omitempty"`
	// Probe answers a probe.
	Probe *transform.Capabilities `json:",omitempty"`
}

// classes are the errors that cross the socket, by name.
var classes = map[string]error{
	"malformed":   transform.ErrMalformed,
	"unsupported": transform.ErrUnsupported,
	"truncated":   transform.ErrTruncated,
	"limit":       transform.ErrLimit,
	"memory":      transform.ErrMemory,
}

// errWorker is any failure that has no class: a mistake of ours.
var errWorker = errors.New("worker failed")

func classOf(err error) string {
	for name, sentinel := range classes {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	return ""
}

const (
	frameHead = 12
	// maxHeader bounds a header, which a body of text could otherwise blow up.
	maxHeader = 64 << 10
	// maxText bounds what of a worker's words is passed on.
	maxText = 500
)

// errFrame: the other side does not keep to the protocol.
var errFrame = errors.New("broken frame")

// encodeFrame gives head and header of a frame, without its body.
func encodeFrame(header any, bodyLen int) ([]byte, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	if len(h) > maxHeader {
		return nil, fmt.Errorf("%w: header of %d bytes", errFrame, len(h))
	}
	b := make([]byte, frameHead, frameHead+len(h))
	binary.BigEndian.PutUint32(b, uint32(len(h)))
	binary.BigEndian.PutUint64(b[4:], uint64(bodyLen))
	return append(b, h...), nil
}

// writeFrame writes a frame.
func writeFrame(w io.Writer, header any, body []byte) error {
	b, err := encodeFrame(header, len(body))
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	_, err = w.Write(body)
	return err
}

// readFrame reads a frame into header and returns its body. Neither length is
// believed: a header over maxHeader or a body over maxBody is errFrame, before
// a byte of it is allocated.
func readFrame(r io.Reader, header any, maxBody int64) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	hLen, bLen := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint64(head[4:])
	if hLen > maxHeader || bLen > uint64(maxBody) {
		return nil, fmt.Errorf("%w: header of %d and body of %d bytes", errFrame, hLen, bLen)
	}
	h := make([]byte, hLen)
	if _, err := io.ReadFull(r, h); err != nil {
		return nil, fmt.Errorf("%w: cut in its header", errFrame)
	}
	if err := json.Unmarshal(h, header); err != nil {
		return nil, fmt.Errorf("%w: %v", errFrame, err)
	}
	if bLen == 0 {
		return nil, nil
	}
	body := make([]byte, bLen)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("%w: cut in its body", errFrame)
	}
	return body, nil
}

func clipText(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}
