package purge

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childDir names the folder in which a copy of the test is to purge until it is
// killed.
const childDir = "PICTOR_PURGE_CHILD"

// child purges, and says of each purge that it was acknowledged. Some are
// large, and the log is compacted often.
func child(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	c, err := Open(Config{
		Dir: filepath.Join(dir, "log"), Checkpoint: filepath.Join(dir, "cache", "checkpoint"), growth: 50_000,
	})
	fail(err)
	for {
		seq := c.Applied() + 1
		targets := []Target{{Tag, fmt.Sprint(seq)}}
		if seq%4 == 0 {
			for i := range 5 {
				targets = append(targets, Target{URL, fmt.Sprintf("%8000d", i)})
			}
		}
		r, err := c.Purge(Mode(seq%2), targets)
		fail(err)
		_, err = fmt.Println(r.Sequence, c.ID())
		fail(err)
	}
}

// killed runs a child, kills it at some moment, and gives what it acknowledged
// last, if anything. Half of the moments count from its first purge, the others
// from its start, so that some fall into Open.
func killed(t *testing.T, dir string, early bool) (last uint64, id string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	var first string
	if !early {
		first, _ = r.ReadString('\n')
	}
	time.Sleep(time.Duration(rand.IntN(int(60 * time.Millisecond))))
	_ = cmd.Process.Kill()
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	lines := strings.Split(strings.TrimSpace(first+string(rest)), "\n")
	if _, err := fmt.Sscan(lines[len(lines)-1], &last, &id); err != nil && !early {
		t.Fatalf("%q: %v", lines, err)
	}
	return last, id
}

// What was acknowledged is there after a kill, or the identity is another one;
// that only where the kill came in the middle of a purge, and cut it off.
func TestKill(t *testing.T) {
	const wanted, most = 15, 100 // logs carried on, and kills
	cfg := config(t, t.TempDir())
	dir := filepath.Dir(cfg.Dir)
	last, id := killed(t, dir, false)
	renewals, carried, purges, silent := 0, 0, last, 0
	for i := 0; carried < wanted; i++ {
		if i == most {
			t.Fatalf("%d of %d kills gave a new identity", renewals, most)
		}
		c := open(t, cfg)
		if c.ID() != id {
			if !strings.Contains(c.reason(), errTorn.Error()) {
				t.Fatalf("round %d: a new identity as %q", i, c.reason())
			}
			renewals++
			last, id = 0, c.ID()
		} else if c.isFresh() || c.Applied() < last {
			t.Fatalf("round %d: at %d of %d, fresh is %v", i, c.Applied(), last, c.isFresh())
		} else {
			carried++
		}
		for seq := uint64(1); seq <= last; seq++ {
			hard, soft := c.Last(Scope{Tags: []string{fmt.Sprint(seq)}})
			if hard|soft != seq {
				t.Fatalf("round %d: purge %d is lost: %d, %d", i, seq, hard, soft)
			}
		}
		closeClock(t, c)
		now, nowID := killed(t, dir, i%2 == 0)
		switch {
		case nowID == "":
			silent++
		case nowID != id:
			t.Fatalf("round %d: the child has another identity than the clock before it", i)
		default:
			purges += now - last
			last = now
		}
	}
	t.Logf("%d kills among %d purges, %d of them before the first one: %d new identities",
		carried+renewals, purges, silent, renewals)
}
