package memory

// recordBytes is what the index takes for a record of the cache on disk, in bytes. It has a
// place for all records where their mean size is recommendedRecord or more, and for
// minRecords in any case.
const (
	recordBytes       = 96
	recommendedRecord = 8 << 10
	minRecords        = 1000
)

// Indexes are the parts of the heap for indexes of what is on disk, in bytes.
type Indexes struct {
	// Disk is for the index of the cache on disk, Hidden for that of hidden sources.
	Disk, Hidden int64
}

func (x Indexes) sum() int64 { return x.Disk + x.Hidden }

// Records is how many records the cache on disk may have.
func (p Plan) Records() int { return max(int(p.Index.Disk/recordBytes), minRecords) }
