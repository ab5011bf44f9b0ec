package cache

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"time"
)

// Bounds of a list of keys: how long it may be in bytes, which part of the RAM tier, and how many keys it may have.
const (
	maxHotList  = 4 << 20
	hotListPart = 16
	maxHotKeys  = 1 << 16
)

// HotListBytes is how long a list of hot keys may be: it is read while the RAM tier is almost empty, and takes a part
// of its memory until then.
func (c *Cache) HotListBytes() int64 {
	if c.ram == nil {
		return 0
	}
	return min(maxHotList, c.ram.maxBytes.Load()/hotListPart)
}

// HotKeys are the keys of the RAM tier, those used last first, as a list for ReadHotKeys. A list that would be longer
// than HotListBytes has not all of them.
func (c *Cache) HotKeys() []byte {
	type used struct {
		key Key
		at  int64
	}
	var all []used
	c.ram.visit(func(e *Entry) bool {
		all = append(all, used{e.Key, e.readState.usedAt.Load()})
		return len(all) == maxHotKeys
	})
	slices.SortStableFunc(all, func(a, b used) int { return cmp.Compare(b.at, a.at) })
	keys := make([]Key, len(all))
	for i, u := range all {
		keys[i] = u.key
	}
	return encodeHotKeys(keys, c.HotListBytes())
}

// hotMark begins the first line, which ends with the checksum of what follows.
const hotMark = "pictor-hot 1 "

// encodeHotKeys has a line for each key, as long as there is room.
func encodeHotKeys(keys []Key, most int64) []byte {
	var lines []byte
	for _, k := range keys {
		line := strconv.AppendQuote(nil, string(k))
		if int64(len(hotMark)+2*sha256.Size+1+len(lines)+len(line)+1) > most {
			break
		}
		lines = append(append(lines, line...), '\n')
	}
	sum := sha256.Sum256(lines)
	return append([]byte(hotMark+hex.EncodeToString(sum[:])+"\n"), lines...)
}

var errHotKeys = errors.New("not a list of hot keys")

// ReadHotKeys reads a list that HotKeys made; anything else is an error.
func ReadHotKeys(b []byte) ([]Key, error) {
	first, lines, ok := bytes.Cut(b, []byte("\n"))
	sum := sha256.Sum256(lines)
	if !ok || len(b) > maxHotList || string(first) != hotMark+hex.EncodeToString(sum[:]) {
		return nil, errHotKeys
	}
	var keys []Key
	for line := range bytes.Lines(lines) {
		text, ok := bytes.CutSuffix(line, []byte("\n"))
		key, err := strconv.Unquote(string(text))
		if !ok || err != nil || len(keys) == maxHotKeys || strconv.Quote(key) != string(text) {
			return nil, errHotKeys
		}
		keys = append(keys, Key(key))
	}
	return keys, nil
}

// How fast WarmUp reads: an entry of 40 KB takes 0.7 ms of a processor, so this is an eighth of one.
const (
	warmPause          = 5 * time.Millisecond
	warmBytesPerSecond = 16 << 20
)

// WarmUp copies entries from the first lower tier into the RAM tier, in the order of their keys, as long as they push
// no other ones out, and at a pace that requests do not notice. It says how many it copied. It ends with ctx, or when
// the cache is closed.
func (c *Cache) WarmUp(ctx context.Context, keys []Key) (copied int) {
	if c.ram == nil || len(c.cfg.Lower) == 0 {
		return 0
	}
	done := make(chan struct{})
	started := c.background.start(func() {
		defer close(done)
		copied = c.copyKeys(ctx, keys)
	})
	if started {
		<-done
	}
	return copied
}

// copyKeys is WarmUp, on a goroutine that Shutdown waits for.
func (c *Cache) copyKeys(ctx context.Context, keys []Key) (copied int) {
	before := c.Stats().Promoted
	warmed := func() int { return int(c.Stats().Promoted - before) }
	for _, key := range keys {
		select {
		case <-ctx.Done():
			return warmed()
		case <-c.background.ctx.Done():
			return warmed()
		case c.promoting <- struct{}{}: // a place of two: requests promote meanwhile
		}
		pause, full := c.warmOne(key)
		<-c.promoting
		if full {
			return warmed()
		}
		if !c.pauseWarmUp(ctx, pause) {
			return warmed()
		}
	}
	return warmed()
}

// pauseWarmUp reports whether to go on after a pause: not where ctx ends meanwhile, or the cache is closed.
func (c *Cache) pauseWarmUp(ctx context.Context, pause time.Duration) bool {
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-over.C:
		return true
	case <-ctx.Done():
	case <-c.background.ctx.Done():
	}
	return false
}

// warmOne copies one entry, and says for how long to pause after it, and whether the RAM tier is full.
func (c *Cache) warmOne(key Key) (pause time.Duration, full bool) {
	if _, ok := c.ram.Get(c.background.ctx, key); ok {
		return 0, false
	}
	from := c.cfg.Lower[0]
	e, ok := from.Get(c.background.ctx, key)
	if !ok {
		return warmPause, false
	}
	defer e.Close()
	pause = max(warmPause, time.Duration(e.Size())*time.Second/warmBytesPerSecond)
	if !c.ram.canTake(e) || c.stateOf(e) != fresh {
		return pause, false
	}
	if !c.ram.hasRoom(e) {
		return 0, true
	}
	c.copyUp(key, from)
	return pause, false
}
