package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/objectstore"
)

// offeredSource is an offer of a source with some bytes, that counts in done how often it ended.
func offeredSource(id, form string, done *atomic.Int64) SourceOffer {
	return SourceOffer{
		SharedSource: SharedSource{Identity: id, ID: id}, Form: form, Done: func() { done.Add(1) },
		Load: func(context.Context) (SourceRecord, error) {
			if form == "gone" {
				return SourceRecord{}, ErrBodyGone
			}
			b := []byte("bytes of " + form)
			body := io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
			return SourceRecord{Header: []byte(form), Body: body, Close: func() {}}, nil
		},
		IsWorse: func(header []byte) (bool, error) {
			if string(header) == "purged" {
				return false, ErrOutdated
			}
			return string(header) < form, nil
		},
	}
}

// readSource gives the bytes of a source of a bucket.
func readSource(b *SourceBucket, id string) (string, error) {
	sink, err := b.Read(context.Background(), SharedSource{Identity: id, ID: id}, nil,
		func(context.Context, []byte, int64) (SourceSink, error) { return &textSink{}, nil })
	if err != nil {
		return "", err
	}
	return sink.(*textSink).String(), nil
}

type textSink struct{ bytes.Buffer }

func (s *textSink) Check() error { return nil }
func (s *textSink) Discard()     { s.Reset() }

// Of several forms of a source the bucket has the best one, and each offer ends once, whatever becomes of it.
func TestSourcesOfferedToABucket(t *testing.T) {
	o := &objects{all: map[string][]byte{}}
	store := objectstore.New(objectstore.Config{Objects: o, Patience: time.Second})
	b := NewSourceBucket(BucketConfig{Store: store, Admit: AdmitSecond, Name: "bucket"})
	var offers int64
	var done atomic.Int64
	offer := func(form, result string, n uint64, want string) {
		t.Helper()
		offers++
		b.Used(offeredSource("a", form, &done))
		for range 1000 {
			if b.Stats().Writes[result] == n && done.Load() == offers {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if got, err := readSource(b, "a"); got != want || b.Stats().Writes[result] != n || done.Load() != offers {
			t.Errorf("%s: %q, %v, %v, %d of %d offers have ended",
				form, got, err, b.Stats().Writes, done.Load(), offers)
		}
	}
	offers++
	b.Fetched(offeredSource("a", "1", &done), time.Hour) // for the first time: it is not admitted
	offer("gone", "gone", 1, "")
	offer("1", "written", 1, "bytes of 1")
	offer("1", "written", 1, "bytes of 1") // it was offered
	offer("0", "present", 1, "bytes of 1")
	offer("2", "written", 2, "bytes of 2")
	offer("purged", "written", 3, "bytes of purged")
	offer("3", "written", 4, "bytes of 3")
	b.Close(t.Context())
	offers++
	b.Used(offeredSource("b", "1", &done))
	if done.Load() != offers {
		t.Error("an offer after the end did not end")
	}
}

// No caller waits for a bucket that hangs: as many offers as may wait do, and all end.
func TestOffersOfSourcesAreBounded(t *testing.T) {
	o := &stuck{&objects{all: map[string][]byte{}}, make(chan struct{})}
	store := objectstore.New(objectstore.Config{Objects: o, Patience: time.Second})
	b := NewSourceBucket(BucketConfig{Store: store, Admit: AdmitSecond, Name: "bucket"})
	var done atomic.Int64
	const offers = maxQueued + 100
	for i := range offers {
		b.Used(offeredSource(string(rune('a'+i)), "1", &done))
	}
	full := b.Stats().Writes["queue"]
	if full < 100-sourceWriters || int64(full) != done.Load() || b.Stats().Queued > maxQueued {
		t.Errorf("%d were refused, %d have ended: %+v", full, done.Load(), b.Stats())
	}
	close(o.goOn)
	b.Close(t.Context())
	if done.Load() != offers {
		t.Errorf("%d of %d offers have ended", done.Load(), offers)
	}
}

// A reader whose record is refused, or is none, gets the reason, and only what is foreign or broken counts against the
// bucket.
func TestSourcesThatAreRefused(t *testing.T) {
	o := &objects{all: map[string][]byte{}}
	store := objectstore.New(objectstore.Config{Objects: o, Patience: time.Second, Pause: time.Hour})
	b := NewSourceBucket(BucketConfig{Store: store, Admit: AdmitAll, Name: "bucket"})
	var done atomic.Int64
	b.Fetched(offeredSource("a", "1", &done), 0)
	b.Close(t.Context())
	of := SharedSource{Identity: "a", ID: "a"}
	for _, test := range []struct {
		why    error
		paused bool
	}{{ErrOutdated, false}, {ErrUnvouched, false}, {ErrNoMemory, false}, {ErrForeign, true}} {
		for range 8 {
			_, err := b.Read(t.Context(), of, nil, func(context.Context, []byte, int64) (SourceSink, error) {
				return nil, test.why
			})
			if !errors.Is(err, test.why) && !errors.Is(err, objectstore.ErrOpen) {
				t.Errorf("%v: %v", test.why, err)
			}
		}
		if b.Stats().ReadsPaused != test.paused {
			t.Errorf("after %v: %+v", test.why, b.Stats())
		}
	}
}

// An operator finds all objects of a source by the sum of its URL: docs/scaling.md has the command.
func TestObjectsOfASourceLieTogether(t *testing.T) {
	const source = "https://example.com/a.jpg"
	const folder = "/27/276a1ac00ba4f0ea47eeeafca24284f41bc78dc593af1f048615aceba44ab9d9/" // as sha256sum says
	for _, key := range []Key{"a", "b"} {
		if name := recordName(source, key); !strings.HasPrefix(name, "r"+folder) {
			t.Errorf("the result %s: %s", key, name)
		}
		of := SharedSource{Identity: source, ID: source + "\n" + string(key)}
		if name := of.objectName(); !strings.HasPrefix(name, "s"+folder) {
			t.Errorf("the source with the cachebuster %s: %s", key, name)
		}
	}
}
