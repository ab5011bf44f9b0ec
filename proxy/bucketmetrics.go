package proxy

import "github.com/pictor-proxy/pictor/cache"

// hitsHelp is of the hits of all tiers.
const hitsHelp = "Cache hits, by the tier that held the entry (memory, disk, bucket)."

// What the results of reads and writes of a bucket are.
const (
	bucketReads = "hit, none, outdated (purged or too old), unvouched (may have missed purges), foreign (another " +
		"one than its name says), broken, memory (none to spare), slow (beyond its patience), failed, and not asked: " +
		"paused (it failed lately), busy."
	bucketWrites = "written, removed, present (it has one as good), outdated, unvouched (purges of other servers are " +
		"not known), queue (too much waits), gone (from the cache before it was written), slow, failed, paused (it " +
		"failed lately)."
)

// addBucket sends the figures of the bucket of results and sources, if there is one.
func (e emitter) addBucket(s *Server) {
	st, ok := s.cfg.Cache.BucketStats()
	if !ok {
		return
	}
	e.addBucketCalls("cache_bucket_reads_total", "Fills that asked the bucket of results, by result: "+bucketReads,
		st.Reads)
	e.addBucketCalls("cache_bucket_writes_total",
		"Results that were to be written to the bucket, by result: "+bucketWrites, st.Writes)
	e.gauge("cache_bucket_queued_bytes", "Size of the results that wait to be written to the bucket, in bytes.",
		st.QueuedBytes)
	e.addBucketPauses(st, "")
	opened := st.Opened
	if b := s.cfg.SourceBucket; b != nil {
		of := b.Stats()
		e.addBucketCalls("cache_bucket_source_reads_total",
			"Fetches that asked the bucket for their source first, and sources that were read there after their "+
				"origin had confirmed them, by result: "+bucketReads, of.Reads)
		e.addBucketCalls("cache_bucket_source_writes_total",
			"Sources that were to be written to the bucket, by result: "+bucketWrites, of.Writes)
		e.gauge("cache_bucket_queued_sources", "Sources that wait to be written to the bucket.", int64(of.Queued))
		e.addBucketPauses(of, "source-")
		opened += of.Opened
	}
	e.counter("cache_bucket_pauses_total",
		"Times that the bucket was not asked any more, for failures, for results or for sources.", opened)
	e.counter("cache_hits_total", hitsHelp, st.Reads["hit"], "tier", "bucket")
}

func (e emitter) addBucketCalls(name, help string, calls map[string]uint64) {
	for result, n := range calls {
		e.counter(name, help, n, "result", result)
	}
}

func (e emitter) addBucketPauses(st cache.BucketStats, prefix string) {
	for of, paused := range map[string]bool{"reads": st.ReadsPaused, "writes": st.WritesPaused} {
		on := int64(0)
		if paused {
			on = 1
		}
		e.gauge("cache_bucket_paused",
			"Whether the bucket is not asked because it failed lately: 1 or 0, for reads and writes of results and, "+
				"where it has them, of sources.", on, "of", prefix+of)
	}
}
