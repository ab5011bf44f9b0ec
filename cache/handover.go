package cache

import (
	"encoding/json"
)

// handedHead is what one server of a cluster tells another of an entry that it hands over, besides the bytes.
type handedHead struct {
	Entry json.RawMessage `json:"entry"`
	Size  int64           `json:"size"`
}

// HeadOf encodes an entry for another server, without its bytes. since is the sequence of the clock at some time before
// the fill began. It is false for an entry that answers nobody else: one that is not fresh any more, was
// purged, must not be shared, or has no bytes in memory.
func (c *Cache) HeadOf(e *Entry, since uint64) (head []byte, ok bool) {
	if len(e.Body) == 0 || e.NoStore || c.stateOf(e) != fresh {
		return nil, false
	}
	// The entry is valid now, so no purge between its own sequence and since has named it: since is of
	// use where the other server has forgotten older ones.
	stamp, ok := c.cfg.Clock.Stamp(max(e.Seq, since))
	if !ok {
		return nil, false
	}
	entry, err := encodeHeader(e, stamp)
	if err != nil {
		return nil, false
	}
	head, err = json.Marshal(handedHead{Entry: entry, Size: int64(len(e.Body))})
	return head, err == nil
}

// EntryOf reads what HeadOf wrote on another server: the entry without its bytes, and how many these are. It is false
// where that is not the wanted answer on this server: another one, no result, one that was purged or is not fresh, or
// one that may have missed a purge which this server knows of. The caller compares the bytes with the ETag.
func (c *Cache) EntryOf(head []byte, wanted Wanted) (e *Entry, size int64, ok bool) {
	var h handedHead
	if json.Unmarshal(head, &h) != nil || h.Size <= 0 {
		return nil, 0, false
	}
	e, err := wanted.decode(h.Entry, c.cfg.Clock.SequenceOf)
	if err != nil {
		return nil, 0, false
	}
	return e, h.Size, c.stateOf(e) == fresh
}
