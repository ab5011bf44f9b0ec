package buckets

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/config"
)

// What every store must do for records that servers share: to write what is not there yet, to replace, to remove.
func testObjects(t *testing.T, account config.Account) {
	t.Helper()
	account.Bucket, account.Prefix = "records", "pictor/"
	o, err := OpenObjects("main", account, "eu/", nil)
	if err != nil {
		t.Fatal(err)
	}
	content := func(text string) *io.SectionReader {
		return io.NewSectionReader(bytes.NewReader([]byte(text)), 0, int64(len(text)))
	}
	read := func(name string) (string, error) {
		from, size, err := o.Open(t.Context(), name)
		if err != nil {
			return "", err
		}
		defer from.Close()
		b, err := io.ReadAll(from)
		if size != int64(len(b)) {
			t.Errorf("%s has %d bytes, not %d", name, len(b), size)
		}
		return string(b), err
	}
	const name = "r/00/0123/4567"
	if text, err := read(name); !errors.Is(err, objectstore.ErrNone) {
		t.Errorf("nothing was written: %q, %v", text, err)
	}
	if err := o.Remove(t.Context(), name); err != nil {
		t.Errorf("to remove nothing: %v", err)
	}
	if err := o.Write(t.Context(), name, content("first"), true); err != nil {
		t.Fatal(err)
	}
	if err := o.Write(t.Context(), name, content("second"), true); !errors.Is(err, objectstore.ErrExists) {
		t.Errorf("to create it again: %v", err)
	}
	if text, err := read(name); text != "first" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := o.Write(t.Context(), name, content("third"), false); err != nil {
		t.Error(err)
	}
	if text, err := read(name); text != "third" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	ended, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if err := o.Write(ended, name, content("late"), false); err == nil {
		t.Error("a write whose time is over succeeds")
	}
	if err := o.Remove(t.Context(), name); err != nil {
		t.Error(err)
	}
	if text, err := read(name); !errors.Is(err, objectstore.ErrNone) {
		t.Errorf("removed: %q, %v", text, err)
	}
}

func TestObjectsOfS3(t *testing.T) {
	store := newS3Store(t)
	store.makeBucket(t, "records")
	testObjects(t, store.account)
}

func TestObjectsOfGS(t *testing.T) {
	store := newGSStore(t)
	store.put(t, "records", "some", "", nil)
	testObjects(t, store.account)
}

func TestObjectsOfABS(t *testing.T) {
	store := newABSStore(t)
	store.put(t, "records", "some", "", []byte("x"))
	testObjects(t, store.account)
}
