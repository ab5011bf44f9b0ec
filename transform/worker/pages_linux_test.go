package worker

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

const smaps = `00400000-00c00000 r-xp 00000000 08:01 42 /usr/bin/pictor
Size:               8192 kB
Rss:                4096 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
7f00-8f00 r--p 00000000 08:01 43 /usr/lib/relocated.so
Rss:                   4 kB
Anonymous:             4 kB
9000-a000 rw-p 00000000 08:01 43 /usr/lib/written.so
Rss:                   4 kB
Anonymous:             0 kB
b000-c000 r--s 00000000 08:01 44 /usr/lib/shared
Rss:                   4 kB
Anonymous:             0 kB
d000-e000 r--p 00000000 00:00 0
Rss:                   4 kB
Anonymous:             0 kB
e000-f000 r--p 00000000 08:01 45 /tmp/gone (deleted)
Rss:                   4 kB
Anonymous:             0 kB
f0000-f1000 r--p 00000000 08:01 46 /usr/lib/nothing-there.so
Rss:                   0 kB
Anonymous:             0 kB
`

func TestOnlyCleanPagesAreDropped(t *testing.T) {
	got := cleanMappings(bufio.NewReader(strings.NewReader(smaps)))
	if len(got) != 1 || got[0].start != 0x400000 || got[0].end != 0xc00000 || got[0].resident != 4<<20 {
		t.Errorf("%+v", got)
	}
	cut := smaps[:strings.Index(smaps, "Anonymous")]
	if got := cleanMappings(bufio.NewReader(strings.NewReader(cut))); len(got) != 0 {
		t.Errorf("nobody said whether it is clean: %+v", got)
	}
}

func TestDropPagesHarmsNothing(t *testing.T) {
	before := strings.Repeat("constant text ", 3)
	n, err := DropPages()
	if err != nil || n < 100<<10 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if again, err := DropPages(); err != nil || again >= n {
		t.Errorf("%d bytes once more, after %d: %v", again, n, err)
	}
	if strings.Repeat("constant text ", 3) != before {
		t.Error("a constant changed")
	}
}

func FuzzCleanMappings(f *testing.F) {
	f.Add([]byte(smaps))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range cleanMappings(bufio.NewReaderSize(bytes.NewReader(b), 64)) {
			if m.end <= m.start || !m.isClean() {
				t.Errorf("%+v", m)
			}
		}
	})
}
