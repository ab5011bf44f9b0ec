package worker

import "testing"

func FuzzFigures(f *testing.F) {
	f.Add([]byte("Name:\tpictor\nVmData:\t   1234 kB\nRssAnon:\t 56 kB\n"))
	f.Add([]byte("VmData:\t-1 kB\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if f, err := parseFigures(b); err == nil && (f.data <= 0 || f.anon < 0) {
			t.Fatalf("%q: %+v", b, f)
		}
	})
}
