package redisclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// MaxReply is how many bytes a reply may have, with all of its parts. Callers ask for less; more comes from someone
// else who writes to the same Redis.
const MaxReply = 16 << 20

const (
	// maxElements bounds the elements of a reply, those of lists in lists included: the client of Redis takes memory
	// for as many as a list says that it has.
	maxElements = 1 << 17
	// maxDepth bounds lists in lists, and maxLine a line, which is as long as an error is.
	maxDepth = 16
	maxLine  = 64 << 10
)

// ErrReply is of a reply that is larger than MaxReply, or not in the protocol. Its connection is of no use any more.
var ErrReply = errors.New("the reply of Redis is too large")

// guardReplies has the connections of a client end at a reply that is too large, before the client takes memory for
// it.
func guardReplies(options *redis.Options) {
	dial := redis.NewDialer(options) // with TLS, if the URL asks for it
	options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		guarded := &guardedConn{Conn: conn}
		if socket, ok := conn.(syscall.Conn); ok {
			return struct { // the client looks at the sockets of idle connections
				*guardedConn
				syscall.Conn
			}{guarded, socket}, nil
		}
		return guarded, nil
	}
}

// guardedConn is a connection whose replies are bounded.
type guardedConn struct {
	net.Conn
	replies replyGuard
	// bad is why nothing is read any more.
	bad error
}

// Read implements net.Conn. After ErrReply it reads nothing more: the client closes the connection.
func (c *guardedConn) Read(b []byte) (n int, err error) {
	if c.bad == nil {
		n, err = c.Conn.Read(b)
		c.bad = c.replies.check(b[:n])
	}
	if c.bad != nil {
		return 0, c.bad
	}
	return n, err
}

// replyGuard follows the replies of a connection in versions 2 and 3 of the protocol of Redis
// (https://redis.io/docs/latest/develop/reference/protocol-spec/), and sums up what each takes.
type replyGuard struct {
	// line is what has come of a line, without its end; skip is how much of a text is still to come.
	line []byte
	skip int64
	// open has for each list that has begun how many of its elements are still to come.
	open []int64
	// size and elements are what the reply has, with what the lines that have come announce.
	size, elements int64
}

// check reads on. After an error the connection is of no use.
func (g *replyGuard) check(b []byte) error {
	for len(b) > 0 {
		if g.skip > 0 {
			n := min(g.skip, int64(len(b)))
			b, g.skip = b[n:], g.skip-n
			if g.skip == 0 {
				g.endElement()
			}
			continue
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			end = len(b) - 1
		}
		if g.line = append(g.line, b[:end+1]...); len(g.line) > maxLine {
			return fmt.Errorf("%w: a line of more than %d bytes", ErrReply, maxLine)
		}
		b = b[end+1:]
		if bytes.HasSuffix(g.line, []byte("\r\n")) {
			err := g.readLine()
			if g.line = g.line[:0]; err != nil {
				return err
			}
		}
	}
	return nil
}

// readLine takes in a whole line.
func (g *replyGuard) readLine() error {
	kind, rest := g.line[0], string(g.line[1:max(len(g.line)-2, 1)])
	g.size += int64(len(g.line))
	var n int64
	switch kind {
	case '$', '!', '=', '*', '~', '>', '%', '|':
		var err error
		if n, err = strconv.ParseInt(rest, 10, 64); err != nil || n < -1 {
			return fmt.Errorf("%w: a length that is no number", ErrReply)
		}
	}
	switch kind {
	case '$', '!', '=':
		if n >= 0 {
			n = min(n, MaxReply+1)
			g.size += n
			g.skip = n + 2 // with the end of its line
		}
	case '*', '~', '>', '%', '|':
		return g.beginList(kind, n)
	}
	if g.size > MaxReply {
		return g.tooLarge()
	}
	if g.skip == 0 {
		g.endElement()
	}
	return nil
}

// beginList takes in the line of a list of n elements, or of n pairs. Those of an attribute ('|') come before the value
// that they are of, so that it is one more.
func (g *replyGuard) beginList(kind byte, n int64) error {
	n = min(max(n, 0), maxElements+1)
	switch kind {
	case '%':
		n *= 2
	case '|':
		n = 2*n + 1
	}
	if g.elements += n; g.elements > maxElements || g.size > MaxReply || len(g.open) == maxDepth {
		return g.tooLarge()
	}
	if g.open = append(g.open, n); n == 0 {
		g.open = g.open[:len(g.open)-1]
		g.endElement()
	}
	return nil
}

// endElement counts an element as whole, and with it the lists of which it is the last one.
func (g *replyGuard) endElement() {
	for i := len(g.open) - 1; i >= 0; i-- {
		if g.open[i]--; g.open[i] > 0 {
			return
		}
		g.open = g.open[:i]
	}
	g.size, g.elements = 0, 0
}

func (g *replyGuard) tooLarge() error {
	return fmt.Errorf("%w: more than %d MiB or %d elements", ErrReply, MaxReply>>20, maxElements)
}
