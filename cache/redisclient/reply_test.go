package redisclient

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
)

// Replies of each kind, several in a row, end where they end: what comes after one begins a new sum.
func TestGuardKnowsWhereRepliesEnd(t *testing.T) {
	for name, reply := range map[string]string{
		"line": "+OK\r\n", "error": "-ERR no\r\n", "number": ":12\r\n", "text": "$5\r\nab\r\nc\r\n",
		"empty text": "$0\r\n\r\n", "no text": "$-1\r\n", "no list": "*-1\r\n", "null": "_\r\n", "empty list": "*0\r\n",
		"list": "*2\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n", "map": "%1\r\n+a\r\n*1\r\n=6\r\ntxt:ab\r\n", "set": "~1\r\n#t\r\n",
		"attribute": "|1\r\n+a\r\n,1.5\r\n*1\r\n(12\r\n", "push": ">2\r\n+x\r\n!3\r\nERR\r\n",
	} {
		for _, step := range []int{1, 2, 3, 7, 1 << 20} {
			g := replyGuard{}
			stream := []byte(strings.Repeat(reply, 3))
			for from := 0; from < len(stream); from += step {
				if err := g.check(stream[from:min(from+step, len(stream))]); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if g.size != 0 || g.elements != 0 || len(g.open) != 0 || len(g.line) != 0 || g.skip != 0 {
				t.Errorf("%s in steps of %d: %+v is left", name, step, g)
			}
		}
	}
}

// What is too large is refused by its announcement alone.
func TestGuardRefusesWhatIsTooLarge(t *testing.T) {
	for name, reply := range map[string]string{
		"text": "$" + strconv.Itoa(MaxReply+1) + "\r\n",
		"texts": "*2\r\n$" + strconv.Itoa(MaxReply/2) + "\r\n" + strings.Repeat("x", MaxReply/2) +
			"\r\n$" + strconv.Itoa(MaxReply/2) + "\r\n",
		"list":     "*131073\r\n",
		"lists":    strings.Repeat("*100000\r\n", 2),
		"map":      "%100000\r\n",
		"overflow": "*9223372036854775807\r\n",
		"size":     "$9223372036854775807\r\n",
		"no size":  "$x\r\n",
		"negative": "*-2\r\n",
		"depth":    strings.Repeat("*1\r\n", 17),
		"line":     "+" + strings.Repeat("x", maxLine),
	} {
		g := replyGuard{}
		if err := g.check([]byte(reply)); !errors.Is(err, ErrReply) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReplyGuard: the guard says the same of a reply however it comes in pieces.
func FuzzReplyGuard(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\na\r\n%1\r\n+a\r\n:1\r\n"), 3)
	f.Add([]byte("|1\r\n+a\r\n,1\r\n$-1\r\n"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		if step < 1 {
			return
		}
		whole, pieces := replyGuard{}, replyGuard{}
		want := whole.check(stream)
		var got error
		for rest := stream; len(rest) > 0 && got == nil; {
			n := min(step, len(rest))
			got = pieces.check(rest[:n])
			rest = rest[n:]
		}
		if (want == nil) != (got == nil) {
			t.Fatalf("%q: %v whole, %v in pieces of %d", stream, want, got, step)
		}
		same := whole.size == pieces.size && whole.skip == pieces.skip && bytes.Equal(whole.line, pieces.line)
		if want == nil && !same {
			t.Fatalf("%q: %+v whole, %+v in pieces of %d", stream, whole, pieces, step)
		}
	})
}

// A real Redis that has something large under a key takes no memory of the client, which goes on to work.
func TestClientTakesNoLargeReply(t *testing.T) {
	e := enginetest.Redis(t)
	client, err := New("redis://" + e.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	for range 200 {
		if err = client.Ping(ctx).Err(); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SetRange(ctx, "large", 2*MaxReply, "x").Err(); err != nil {
		t.Fatal(err)
	}
	for from := 0; from <= maxElements; from += 1 << 13 {
		var members []any
		for i := range 1 << 13 {
			members = append(members, from+i)
		}
		if err := client.SAdd(ctx, "many", members...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 3 {
		if err := client.Get(ctx, "large").Err(); !errors.Is(err, ErrReply) {
			t.Fatalf("a text of 32 MiB: %v", err)
		}
		if err := client.SMembers(ctx, "many").Err(); !errors.Is(err, ErrReply) {
			t.Fatalf("more than maxElements: %v", err)
		}
		if err := client.Set(ctx, "small", "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > MaxReply/2 {
		t.Errorf("%d bytes were taken", took)
	}
	if text, err := client.Get(ctx, "small").Result(); text != "x" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
