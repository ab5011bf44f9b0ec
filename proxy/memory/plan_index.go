package memory

// recordBytes is what the index takes for a record of the cache on disk, in bytes. It has a
// place for all records where their mean size is recommendedRecord or more, and for
// minRecords in any case.
const (
	recordBytes       = 96
	recommendedRecord = 8 << 10
	minRecords        = 1000
)

// Indexes are the parts of the heap that settings bound and no request takes, in bytes.
type Indexes struct {
	// Disk is for the index of the cache on disk, Hidden for that of hidden sources, Spans for parts of traces on
	// their way to a collector.
	Disk, Hidden, Spans int64
}

func (x Indexes) sum() int64 { return x.onDisk() + x.Spans }

// onDisk is for indexes of what is on disk.
func (x Indexes) onDisk() int64 { return x.Disk + x.Hidden }

// demanded is what the settings ask for, whatever the limit is.
func (x Indexes) demanded() int64 { return x.Hidden + x.Spans }

// Records is how many records the cache on disk may have.
func (p Plan) Records() int { return max(int(p.Index.Disk/recordBytes), minRecords) }
