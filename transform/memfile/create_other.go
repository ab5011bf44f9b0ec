//go:build !linux

package memfile

import "os"

// newMemoryFile falls back to a temporary file without a name.
func newMemoryFile(string) (*os.File, error) {
	f, err := os.CreateTemp("", "pictor-source-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sealMemoryFile does nothing: there are no seals here.
func sealMemoryFile(*os.File) error { return nil }
