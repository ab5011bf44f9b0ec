package buckets

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
)

// creation is what is known of how a store creates objects.
type creation struct {
	// unconditional: the store refuses the condition that there be none yet.
	unconditional atomic.Bool
	log           *slog.Logger
}

// IsUnconditional says that the store has refused to create an object on the condition that there is none yet, and
// has written it without. Objects are then replaced where others would be left.
func (c *creation) IsUnconditional() bool { return c.unconditional.Load() }

// writeAnyhow writes an object whose creation was refused, perhaps for the condition. That is safe for records: a
// store replaces an object as a whole, and what a record has is right or refused by its reader whenever it was
// written. It costs work where a newer record gives way to an older one.
func (o *Objects) writeAnyhow(ctx context.Context, key string, content *io.SectionReader) error {
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	err := o.write(ctx, key, content, false)
	if err == nil && !o.unconditional.Swap(true) && o.log != nil {
		o.log.Warn("cache bucket: the store refuses If-None-Match, so servers replace each other's records; "+
			"update it, or have it create objects on that condition", "bucket", o.account.Bucket)
	}
	return err
}
