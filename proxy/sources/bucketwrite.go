package sources

import (
	"context"
	"encoding/json"
	"io"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
)

// loadStored gives the record of a source as it is on disk, for the bucket.
func (c *Config) loadStored(ctx context.Context, id, version string) (r cache.SourceRecord, err error) {
	stored := c.findStored(ctx, id)
	if stored == nil || stored.meta.Version != version {
		stored.close()
		return r, cache.ErrBodyGone
	}
	if r.Header, err = c.encodeShared(stored.meta); err != nil {
		stored.close()
		return r, err
	}
	r.Body, r.Close = io.NewSectionReader(stored.record, 0, stored.record.Size()), stored.close
	return r, nil
}

// encodeShared makes the header of a record for other servers, of a source that is an answer now.
func (c *Config) encodeShared(m Meta) ([]byte, error) {
	if hard, soft := m.newestPurges(c.Clock); m.Seq < hard || m.Seq < soft || !c.isFresh(m) {
		return nil, cache.ErrOutdated
	}
	stamp, ok := c.Clock.Stamp(m.Seq)
	if !ok {
		return nil, cache.ErrStamp
	}
	m.Log, m.SharedIn = stamp.Order, ""
	m.Seq, m.Mark = stamp.Seq, stamp.Mark
	return json.Marshal(m)
}

// isWorse says whether the record of a source in the bucket is to be replaced by what is known here. One with the same
// bytes that its origin may confirm is as good: to write it anew at the end of each lifetime would cost more than
// that.
func (c *Config) isWorse(header []byte, of cache.SharedSource, have Meta) (bool, error) {
	there, err := c.decodeShared(header, of)
	if err != nil {
		return false, err
	}
	if hard, _ := there.newestPurges(c.Clock); there.Seq < hard {
		return true, nil
	}
	if there.Version == have.Version {
		return !c.isFresh(there) && !there.isConfirmable(), nil
	}
	return there.Seq < have.Seq || there.Confirmed.Before(have.Confirmed), nil
}

// markShared notes in the record on disk that the bucket has the source. A header that was renewed meanwhile may become
// the older one again, which is then renewed once more.
func (c *Config) markShared(id, version string) {
	stored := c.findStored(context.Background(), id)
	if stored == nil {
		return
	}
	defer stored.close()
	if stored.meta.Version != version {
		return
	}
	stored.meta.SharedIn = c.Bucket.ID()
	if h, err := json.Marshal(stored.meta); err == nil {
		_ = c.Disk.SetHeader(diskstore.NameOf(id), stored.record, h) // or the bucket is asked once more
	}
}
