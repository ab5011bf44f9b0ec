package memstat

import (
	"errors"
	"os"
	"runtime"
	"testing"
)

func TestParseStatus(t *testing.T) {
	p, err := parseStatus([]byte("Name:\tx\nRssAnon:\t    1234 kB\nRssFile:\t      8 kB\nRssShmem:\t      0 kB\n"))
	if err != nil || p != (Process{Anon: 1234 << 10, File: 8 << 10}) {
		t.Errorf("%+v, %v", p, err)
	}
	for _, text := range []string{
		"",
		"RssAnon: 1 kB\n",
		"RssAnon: x kB\nRssFile: 1 kB\nRssShmem: 1 kB\n",
		"RssAnon: -1 kB\nRssFile: 1 kB\nRssShmem: 1 kB\n",
		"RssAnon: 9223372036854775807 kB\nRssFile: 1 kB\nRssShmem: 1 kB\n",
		"RssAnon: 1\nRssFile: 1 kB\nRssShmem: 1 kB\n",
	} {
		if p, err := parseStatus([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, p)
		}
	}
}

func TestParseRollup(t *testing.T) {
	s, err := parseRollup([]byte("55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss: 20 kB\nPss: 6 kB\n" +
		"Pss_Anon: 3 kB\nPss_File: 2 kB\nPss_Shmem: 1 kB\nLocked: 0 kB\n"))
	if err != nil || s != (Share{3 << 10, 2 << 10, 1 << 10}) {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := parseRollup([]byte("Pss: 6 kB\n")); err == nil {
		t.Errorf("a kernel without the parts: %+v", s)
	}
}

func TestParseCgroup(t *testing.T) {
	for text, want := range map[string]struct {
		path    string
		version int
	}{
		"0::/a/b\n":                 {"/a/b", 2},
		"12:memory:/x\n0::/y\n":     {"/x", 1},
		"0::/y\n12:cpu,memory:/x\n": {"/x", 1},
		"3:cpu:/x\n0::/y:z\n":       {"/y:z", 2},
		"0::/../escape\n":           {"/escape", 2},
		"":                          {"", 0},
		"1:name=systemd:/x\nmemory\n5:memory:x\n": {"", 0},
	} {
		if path, version := parseCgroup([]byte(text)); path != want.path || version != want.version {
			t.Errorf("%q: %q, version %d", text, path, version)
		}
	}
}

func TestParseFigures(t *testing.T) {
	two, err := parseFigures([]byte("anon 10\nfile 30\nkernel 5\nshmem 20\n"), []byte("low 0\noom 2\noom_kill 1\n"), 2)
	if err != nil || two != (Figures{Version: 2, Anon: 10, Shmem: 20, File: 10, OOMKills: 1}) || two.Firm() != 30 {
		t.Errorf("%+v, %v", two, err)
	}
	for stat, sock := range map[string]int64{
		"anon 10\nfile 30\nshmem 20\nsock 7\n": 7, "anon 10\nfile 30\nshmem 20\nsock x\n": 0,
	} {
		f, err := parseFigures([]byte(stat), []byte("oom_kill 1\n"), 2)
		if err != nil || f.Sock != sock || f.Firm() != 30+sock {
			t.Errorf("%q: %+v, %v", stat, f, err)
		}
	}
	one, err := parseFigures([]byte("cache 1\nrss 2\nshmem 3\ntotal_cache 30\ntotal_rss 10\ntotal_shmem 20\n"),
		[]byte("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), 1)
	if err != nil || one != (Figures{Version: 1, Anon: 10, Shmem: 20, File: 10, OOMKills: 1}) {
		t.Errorf("%+v, %v", one, err)
	}
	for _, stat := range []string{"anon 1\n", "anon x\nfile 1\nshmem 1\n", "anon -1\nfile 1\nshmem 1\n"} {
		if f, err := parseFigures([]byte(stat), []byte("oom_kill 0\n"), 2); err == nil {
			t.Errorf("%q: %+v", stat, f)
		}
	}
}

func TestOwnFigures(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc here")
	}
	ballast := make([]byte, 32<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	p, err := ReadProcess(os.Getpid())
	if err != nil || p.Anon < 32<<20 || p.File <= 0 {
		t.Errorf("%+v, %v", p, err)
	}
	s, err := ReadShare(os.Getpid())
	if err != nil || s.Anon < 32<<20 || s.Anon > 2*p.Anon {
		t.Errorf("%+v, %v", s, err)
	}
	runtime.KeepAlive(ballast)
	switch g, err := FindGroup(); {
	case errors.Is(err, ErrNoGroup):
		t.Log(err)
	case err != nil:
		t.Error(err)
	default:
		if f, err := g.Read(); err != nil || f.Anon < 32<<20 {
			t.Errorf("%+v, %v", f, err)
		}
	}
	if _, err := (*Group)(nil).Read(); !errors.Is(err, ErrNoGroup) {
		t.Error(err)
	}
	if _, err := ReadProcess(0); err == nil {
		t.Error("there is no process 0")
	}
}

func FuzzKernelFiles(f *testing.F) {
	f.Add([]byte("RssAnon: 1 kB\nRssFile: 1 kB\nRssShmem: 1 kB\n"))
	f.Add([]byte("0::/a\n"))
	f.Add([]byte("anon 1\nfile 1\nshmem 1\noom_kill 0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parseStatus(b); err == nil && (p.Anon < 0 || p.File < 0 || p.Shmem < 0) {
			t.Errorf("%+v", p)
		}
		_, _ = parseRollup(b)
		if path, version := parseCgroup(b); version != 0 && path[0] != '/' {
			t.Errorf("%q", path)
		}
		for version := range 3 {
			fig, err := parseFigures(b, b, version)
			if err == nil && (fig.Anon < 0 || fig.Shmem < 0 || fig.File < 0 || fig.OOMKills < 0) {
				t.Errorf("%+v", fig)
			}
		}
	})
}
