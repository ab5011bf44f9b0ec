package purge

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Bus carries the purges of several servers in one order, which is the same for all of them, and keeps them
// for servers that were away. Package cache/purge/bus has them. A Bus is safe for concurrent use, and each call
// ends with its context.
type Bus interface {
	// Span says which bus this is, and which messages it has.
	Span(ctx context.Context) (Span, error)
	// Append adds messages of up to MaxMessage bytes at the end, in their order, and gives the sequence of the
	// last one. Each is one more than that of the message before; others' messages may come between them. After an
	// error some or all may be there all the same.
	Append(ctx context.Context, messages ...[]byte) (last uint64, err error)
	// Read gives messages behind a sequence, in their order: at most as many as it is told, and not always all of
	// them. Where there are none it waits for one, no longer than it is told, or not at all; then there are none
	// and no error. What is no message of a server may be dropped, with all that is there, for one that cannot
	// be read.
	Read(ctx context.Context, behind uint64, most int, wait time.Duration) ([]Message, error)
	// Announce tells the other servers how far this one is. It holds until ttl has passed, or Withdraw.
	Announce(ctx context.Context, m Member, ttl time.Duration) error
	Withdraw(ctx context.Context, server string) error
	// Members are the servers that announced themselves. memory is for how long the bus has forgotten none
	// of them, as a bus that was started anew may have.
	Members(ctx context.Context) (list []Member, memory time.Duration, err error)
	Close() error
}

// Span is what a bus has.
type Span struct {
	// ID is the identity of the bus, 32 hexadecimal digits. A sequence means something only together with it.
	ID string
	// First and Last are the sequences of the oldest and newest message; without any, First is Last+1.
	First, Last uint64
}

// Message is a message of a bus.
type Message struct {
	Seq  uint64
	Data []byte
}

// Member is a server, with its name, and the sequence and token of the last message that it has applied.
type Member struct {
	Server string `json:"server"`
	Seq    uint64 `json:"seq"`
	Token  string `json:"token"`
}

// notice is a purge on its way through a bus.
type notice struct {
	// Token tells the message from another one that has its sequence on a bus which lost it.
	Token   string        `json:"token"`
	Server  string        `json:"server"`
	Mode    string        `json:"mode"`
	Targets noticeTargets `json:"targets"`
}

// maxNoticeTargets bounds the targets of a message: a clock tells no more of them apart. Without a bound those of a
// message of 8 MiB could take 30 times that.
const maxNoticeTargets = DefaultMaxExact

// noticeTargets are read one by one, up to the first that is too many.
type noticeTargets []noticeTarget

// UnmarshalJSON implements json.Unmarshaler.
func (list *noticeTargets) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if begin, err := d.Token(); err != nil || begin != json.Delim('[') {
		return errNotice
	}
	for *list = nil; d.More(); {
		var t noticeTarget
		if err := d.Decode(&t); err != nil || len(*list) == maxNoticeTargets {
			return errNotice
		}
		*list = append(*list, t)
	}
	return nil
}

type noticeTarget struct {
	Kind  string `json:"kind"`
	Value string `json:"value,omitempty"`
	// Raw is a value that JSON has no text for, as it is not in UTF-8.
	Raw []byte `json:"raw,omitempty"`
}

func newNoticeTarget(t Target) noticeTarget {
	if utf8.ValidString(t.Value) {
		return noticeTarget{Kind: t.Kind.String(), Value: t.Value}
	}
	return noticeTarget{Kind: t.Kind.String(), Raw: []byte(t.Value)}
}

func (n noticeTarget) target() Target {
	t := Target{Kind: parseKind(n.Kind, URL), Value: n.Value}
	if n.Raw != nil {
		t.Value = string(n.Raw)
	}
	return t
}

// MaxMessage is how many bytes a message has at most, but for one with a single target, which has at most twice that.
const MaxMessage = 16 << 10

// encodeNotices makes messages of a purge, each with a part of its targets and a token of its own. Targets must be
// valid.
func encodeNotices(server string, mode Mode, targets []Target) (list [][]byte) {
	for len(targets) > 0 {
		size, n := 512, 0 // for all but the targets: the name of a server has 200 bytes
		for n < len(targets) && (n == 0 || size+sizeOf(targets[n]) <= MaxMessage) {
			size += sizeOf(targets[n])
			n++
		}
		list = append(list, encodeNotice(newToken(), server, mode, targets[:n]))
		targets = targets[n:]
	}
	return list
}

// MessageForAll is a message that purges everything. A bus has it in place of what nobody can read.
func MessageForAll() []byte { return encodeNotice(newToken(), "", Hard, []Target{{Kind: All}}) }

// sizeOf is what a target has at most in a message.
func sizeOf(t Target) int {
	size := len(`{"kind":"source","value":""},`) + len(t.Value)
	for _, r := range t.Value {
		switch r {
		case '"', '\\': // two bytes in JSON, and six for those below, which have three
			size++
		case '\u2028', '\u2029', utf8.RuneError:
			size += 3
		}
	}
	return size
}

// encodeNotice is the inverse of decodeNotice. Targets must be valid.
func encodeNotice(token, server string, mode Mode, targets []Target) []byte {
	n := notice{Token: token, Server: server, Mode: mode.String()}
	for _, t := range targets {
		n.Targets = append(n.Targets, newNoticeTarget(t))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // "&" is in many URLs
	_ = e.Encode(n)        // strings alone: no error
	return text.Bytes()
}

var errNotice = errors.New("not a purge of this version of pictor")

// decodeNotice reads a message of a bus.
func decodeNotice(data []byte) (token string, mode Mode, targets []Target, err error) {
	var n notice
	if err := json.Unmarshal(data, &n); err != nil {
		return "", 0, nil, errNotice
	}
	if _, err := hex.DecodeString(n.Token); err != nil || n.Token == "" || len(n.Token) > 64 {
		return "", 0, nil, fmt.Errorf("%w: bad token", errNotice)
	}
	mode, ok := parseMode(n.Mode)
	if !ok {
		return n.Token, 0, nil, fmt.Errorf("%w: unknown mode", errNotice)
	}
	for _, t := range n.Targets {
		targets = append(targets, t.target())
	}
	if err := checkTargets(mode, targets); err != nil {
		return n.Token, 0, nil, fmt.Errorf("%w: %w", errNotice, err)
	}
	return n.Token, mode, targets, nil
}
