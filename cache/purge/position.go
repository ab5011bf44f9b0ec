package purge

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Position is a message of a bus, up to which a clock has applied all.
type Position struct {
	// Bus is the identity of the bus, 32 hexadecimal digits.
	Bus string
	// Seq is the sequence of the message, 0 before the first one.
	Seq uint64
	// Token is the message's own; "" where no message of that sequence was seen.
	Token string
}

// String is the position in one line, as parsePosition reads it.
func (p Position) String() string {
	return p.Bus + " " + strconv.FormatUint(p.Seq, 10) + " " + p.Token
}

var errPosition = errors.New("not a position of a bus")

func parsePosition(s string) (p Position, err error) {
	f := strings.Split(s, " ")
	if len(f) != 3 {
		return p, errPosition
	}
	p = Position{Bus: f[0], Token: f[2]}
	if p.Seq, err = strconv.ParseUint(f[1], 10, 63); err != nil || !isID(p.Bus) || p.String() != s {
		return Position{}, errPosition
	}
	return p, nil
}

// isID says whether a text is the identity of a log or of a bus.
func isID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 16 && hex.EncodeToString(b) == id
}

// NewID makes an identity that no log and no bus had before.
func NewID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails since Go 1.24
	return hex.EncodeToString(id[:])
}
