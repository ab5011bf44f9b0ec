package hidden

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
)

// MaxURL is the length of the longest source URL, in bytes.
const MaxURL = 8 << 10

// Hash stands for a source.
type Hash [16]byte

// Source is a source URL with its hash. The hash is the caller's affair: as long as it
// depends on the URL and on a secret, nobody can guess it.
type Source struct {
	Hash Hash
	URL  string
}

// A log begins with logHeader. Each record is
//
//	magic, 4 bytes | length of the URL, 4 | checksum, 8 | hash, 16 | URL | zeros up to a multiple of align
//
// with numbers in little-endian. The checksum is of all that is behind it, and of the length. The
// magic has a control character, which no URL has, so that no URL holds a record.
const (
	logHeader    = "pictor-hidden 1\n"
	recordMagic  = "PHS\x01"
	recordHeader = 32
)

// recordSize is the size of a record with its padding.
func recordSize(url int) int { return (recordHeader + url + align - 1) / align * align }

// appendRecord adds the record of a source to a buffer.
func appendRecord(b []byte, s Source) []byte {
	start := len(b)
	b = append(b, recordMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.URL)))
	b = append(b, make([]byte, 8)...)
	b = append(append(b, s.Hash[:]...), s.URL...)
	b = append(b, make([]byte, recordSize(len(s.URL))-(len(b)-start))...)
	binary.LittleEndian.PutUint64(b[start+8:], checksum(b[start:]))
	return b
}

// checksum is that of a whole record.
func checksum(record []byte) uint64 {
	d := xxhash.New()
	_, _ = d.Write(record[4:8]) // a Digest has no errors
	_, _ = d.Write(record[16:])
	return d.Sum64()
}

// errNoRecord: there are other bytes than a record where one should be.
var errNoRecord = errors.New("damaged record")

// sizeOfRecord is the size of the record that begins so; b has its header at least.
func sizeOfRecord(b []byte) (int, error) {
	if len(b) < recordHeader || string(b[:4]) != recordMagic {
		return 0, errNoRecord
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if n == 0 || n > MaxURL {
		return 0, errNoRecord
	}
	return recordSize(int(n)), nil
}

// verifyRecord says whether the record at the beginning of b is whole and right.
func verifyRecord(b []byte) error {
	size, err := sizeOfRecord(b)
	if err != nil {
		return err
	}
	if len(b) < size || binary.LittleEndian.Uint64(b[8:]) != checksum(b[:size]) {
		return errNoRecord
	}
	return nil
}

// hashOf is the hash in a record, which is verified.
func hashOf(record []byte) Hash { return Hash(record[16:32]) }

// parseRecord reads the record at the beginning of b.
func parseRecord(b []byte) (Source, error) {
	if err := verifyRecord(b); err != nil {
		return Source{}, err
	}
	end := recordHeader + int(binary.LittleEndian.Uint32(b[4:]))
	return Source{Hash: hashOf(b), URL: string(b[recordHeader:end])}, nil
}

// scan is what was found in a log.
type scan struct {
	// end is behind the last record. What is behind it is not whole.
	end int64
	// damaged is how many bytes before end belong to no record, and firstDamage where they begin.
	damaged, firstDamage int64
}

// errOtherFile: a file is no log of this version.
var errOtherFile = errors.New("it is not a log of hidden sources of this version")

// scanLog reads a log and calls found for each record. Behind damage it goes on with the
// next record.
func scanLog(r io.Reader, found func(h Hash, offset int64) error) (result scan, err error) {
	in := bufio.NewReaderSize(r, 8*recordSize(MaxURL))
	if header, err := in.Peek(len(logHeader)); string(header) != logHeader {
		if err != nil && !errors.Is(err, io.EOF) {
			return result, err
		}
		return result, errOtherFile
	}
	_, _ = in.Discard(len(logHeader)) // they were read
	result.end = int64(len(logHeader))
	for at := result.end; ; {
		record, err := peekRecord(in)
		if err == nil {
			if err := found(hashOf(record), at); err != nil {
				return result, err
			}
			if at > result.end && result.damaged == 0 {
				result.firstDamage = result.end
			}
			result.damaged += at - result.end
			at += int64(len(record))
			result.end = at
			_, _ = in.Discard(len(record))
			continue
		}
		if !errors.Is(err, errNoRecord) {
			return result, err
		}
		n, err := in.Discard(align)
		at += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return result, nil
		case err != nil:
			return result, err
		}
	}
}

// peekRecord is the whole record that comes next; errNoRecord where there is none.
func peekRecord(in *bufio.Reader) ([]byte, error) {
	header, err := in.Peek(recordHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	size, bad := sizeOfRecord(header)
	if bad != nil {
		return nil, bad
	}
	record, err := in.Peek(size)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bad := verifyRecord(record); bad != nil {
		return nil, bad
	}
	return record, nil
}

// readRecord reads the record at an offset.
func readRecord(f io.ReaderAt, offset int64) (Source, error) {
	b := make([]byte, recordSize(1<<10-recordHeader)) // as long as most of them
	n, err := f.ReadAt(b, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return Source{}, fmt.Errorf("read a record: %w", err)
	}
	b = b[:n]
	if size, err := sizeOfRecord(b); err == nil && size > len(b) {
		rest := make([]byte, size-len(b))
		if n, err = f.ReadAt(rest, offset+int64(len(b))); err != nil && !errors.Is(err, io.EOF) {
			return Source{}, fmt.Errorf("read a record: %w", err)
		}
		b = bytes.Join([][]byte{b, rest[:n]}, nil)
	}
	return parseRecord(b)
}
