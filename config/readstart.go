package config

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	// maxSecret bounds the file of a secret, in bytes.
	maxSecret = 64 << 10
	// fileSuffix is behind the name of a secret in that of its file.
	fileSuffix = "-file"
)

// readTimeout is how long a file that a setting names may take to read. It may be a
// FIFO or a process substitution, such as --key-file <(vault read …), which has
// its content when its writer has.
const readTimeout = 30 * time.Second

// ReadStart reads the first bytes of a file that a setting names, at most n. A
// FIFO without a writer is an error, after readTimeout.
func ReadStart(path string, n int64) ([]byte, error) { return readStart(path, n, readTimeout) }

func readStart(path string, n int64, most time.Duration) ([]byte, error) {
	var data []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		var f *os.File
		if f, err = os.Open(path); err != nil {
			return
		}
		defer f.Close()
		data, err = io.ReadAll(io.LimitReader(f, n))
	}()
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-done:
		return data, err
	case <-late.C: // the goroutine waits on: nothing ends it, but the process is about to
		return nil, fmt.Errorf("%s could not be read to its end within %v: if it is a FIFO, its writer must write "+
			"and close it", path, most)
	}
}

// readLimited reads a file of at most limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	data, err := ReadStart(path, limit+1)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %s", path, Bytes(limit))
	}
	return data, nil
}

// readSecret reads the file of a secret, without the blanks and line ends
// around its content. An empty file is an error: an operator who names one means to
// set something.
func readSecret(path string) (string, error) {
	data, err := readLimited(path, maxSecret)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}

// errBoth names the two places that set one secret.
func errBoth(a, b string) error { return fmt.Errorf("both %s and %s are set: keep one", a, b) }
