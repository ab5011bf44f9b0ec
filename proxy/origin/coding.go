package origin

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// registered are the content codings that IANA knows (RFC 9110 §16.6.1), each
// with its usual name. Whatever else stands in a Content-Encoding (base64,
// aws-chunked, utf-8, none) changes no byte, as in browsers.
var registered = map[string]string{
	"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", // RFC 9110 §8.4.1
	"compress": "compress", "x-compress": "compress",
	"br": "br", "zstd": "zstd", "dcb": "dcb", "dcz": "dcz", // RFC 7932, 8878, 9842
	"aes128gcm": "aes128gcm", "exi": "exi", "pack200-gzip": "pack200-gzip",
}

// maxCodings bounds the decoders of one body. Two happen where an origin and the
// proxy before it both say gzip, mostly of bytes that were compressed once.
const maxCodings = 2

// appliedCodings reads Content-Encoding: the registered codings in the order in which
// they were applied.
func appliedCodings(lines []string) []string {
	var found []string
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			if name, ok := registered[strings.ToLower(strings.Trim(token, " \t"))]; ok {
				found = append(found, name)
			}
		}
	}
	return found
}

// decodeBody undoes the content codings of a body. A decoded body has no declared
// length.
func (cfg Config) decodeBody(body *wireBody, h http.Header) (io.Reader, int64, error) {
	applied := appliedCodings(h["Content-Encoding"])
	if len(applied) > maxCodings {
		err := fmt.Errorf("%w: the source has more than %d content codings; the origin should send it without any",
			ErrCoding, maxCodings)
		return nil, 0, newFailure(err, strings.Join(applied, ", "))
	}
	if len(applied) == 0 {
		return body, body.size, nil
	}
	var in codedBody = body
	for i := len(applied) - 1; i >= 0; i-- {
		in = &decoder{
			coding: applied[i], in: in, buffered: bufio.NewReader(in), most: cfg.MaxBytes, tooLarge: cfg.tooLarge,
		}
	}
	return in, -1, nil
}

// codedBody is the input of a decoder: the response's body, or another decoder.
type codedBody interface {
	io.Reader
	// readError is the error that ended the input, nil for none and for io.EOF.
	readError() error
}

// decoder undoes one content coding. It makes nothing before its first Read,
// which is after the reservation where there is one.
type decoder struct {
	coding   string
	in       codedBody
	buffered *bufio.Reader
	out      io.Reader
	// made is bounded by most: the output of one decoder can be the input of another,
	// where nothing else counts it.
	made, most int64
	tooLarge   func() error
	err        error
}

func (d *decoder) readError() error {
	if errors.Is(d.err, io.EOF) {
		return nil
	}
	return d.err
}

func (d *decoder) Read(b []byte) (n int, err error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.out == nil {
		out, err := d.openStream()
		if err != nil {
			d.err = d.explainError(err)
			return 0, d.err
		}
		d.out = out
	}
	n, err = d.out.Read(b)
	d.made += int64(n)
	switch {
	case d.made > d.most:
		d.err = d.tooLarge()
	case err == nil:
	case errors.Is(err, io.EOF):
		d.err = d.drain()
	default:
		d.err = d.explainError(err)
	}
	return n, d.err
}

// drain reads the rest of the input, so that a connection that broke there is
// noticed as it is without a coding; else it is io.EOF.
func (d *decoder) drain() error {
	if _, err := io.Copy(io.Discard, d.buffered); err != nil {
		return d.explainError(err)
	}
	return io.EOF
}

// openStream looks at the bytes before it believes the header: many an origin says
// gzip of a plain image, and no image begins like data in one of the codings.
func (d *decoder) openStream() (io.Reader, error) {
	start, _ := d.buffered.Peek(12) // an error comes again
	if d.in.readError() == nil && isImage(string(start)) {
		return d.buffered, nil
	}
	switch d.coding {
	case "gzip":
		return gzip.NewReader(d.buffered)
	case "deflate":
		// It means zlib (RFC 9110 §8.4.1.2), but some send it without its header.
		if len(start) >= 2 && start[0]&0x8f == 8 && (int(start[0])<<8|int(start[1]))%31 == 0 {
			return zlib.NewReader(d.buffered)
		}
		return flate.NewReader(d.buffered), nil
	}
	if err := d.in.readError(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: the source has the content coding %s, which was not asked for and cannot be decoded; "+
		"the origin should send it uncompressed, or with gzip or deflate", ErrCoding, d.coding)
}

// isImage says that bytes begin like an image of a format that is read. None of
// them is a valid start of gzip or zstd, and all but RIFF are none of deflate,
// which would have to be WebP for twelve bytes by chance. Of br and the others
// nothing can be decoded anyway.
func isImage(start string) bool {
	for _, magic := range []string{"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF87a", "GIF89a"} {
		if strings.HasPrefix(start, magic) {
			return true
		}
	}
	if len(start) < 12 {
		return false
	}
	return start[:4] == "RIFF" && start[8:] == "WEBP" || start[:3] == "\x00\x00\x00" && start[4:8] == "ftyp"
}

// explainError classifies an error of a decoder. An error of its input comes first.
func (d *decoder) explainError(err error) error {
	switch failed := d.in.readError(); {
	case failed != nil:
		return failed
	case errors.Is(err, ErrCoding):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return newFailure(ErrTruncated, "in the middle of "+d.coding)
	}
	return newFailure(fmt.Errorf("%w: the source says Content-Encoding: %s, but it is neither valid %s nor an image; "+
		"the origin should send it uncompressed", ErrEncoding, d.coding, d.coding), err.Error())
}
