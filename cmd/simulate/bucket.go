package main

// bucket is a model of a tier that all servers share below their disks: a set of results. It is read on a local miss,
// and written when the result was asked for often enough of one server.
type bucket struct {
	admit   int
	version map[uint32]int // how often an image was purged
	results map[result]int // of the version
}

// result is one variant of an image.
type result struct {
	image   uint32
	variant uint8
}

func newBucket(admit int) *bucket {
	return &bucket{admit: admit, version: map[uint32]int{}, results: map[result]int{}}
}

func (b *bucket) has(r result) bool {
	version, ok := b.results[r]
	return ok && version == b.version[r.image]
}

// offer takes a result that was asked for so often, and reports whether it did.
func (b *bucket) offer(r result, asked int) bool {
	if asked < b.admit || b.has(r) {
		return false
	}
	b.results[r] = b.version[r.image]
	return true
}

func (b *bucket) purge(image uint32) { b.version[image]++ }

// bucketFigures are what a run with a bucket would have done: what servers have on their disks is the same with it.
type bucketFigures struct {
	Reads, Writes int
	ReadBytes     int64
	Transforms    int
	origin
}
