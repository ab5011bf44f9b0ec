package proxy

// hitsHelp is of the hits of all tiers.
const hitsHelp = "Cache hits, by the tier that held the entry (memory, disk, bucket)."

// addBucket sends the figures of the bucket of results, if there is one.
func (e emitter) addBucket(s *Server) {
	st, ok := s.cfg.Cache.BucketStats()
	if !ok {
		return
	}
	for result, n := range st.Reads {
		e.counter("cache_bucket_reads_total",
			"Fills that asked the bucket of results, by result: hit, none, outdated (purged or too old), unvouched "+
				"(may have missed purges), foreign (another result than its name says), broken, memory (none to "+
				"spare), slow (beyond its patience), failed, and not asked: paused (it failed lately), busy.",
			n, "result", result)
	}
	for result, n := range st.Writes {
		e.counter("cache_bucket_writes_total",
			"Results that were to be written to the bucket, by result: written, removed, present (it has one as "+
				"good), outdated, unvouched (purges of other servers are not known), queue (too much waits), gone "+
				"(from the cache before it was written), slow, failed, paused (it failed lately).",
			n, "result", result)
	}
	e.gauge("cache_bucket_queued_bytes", "Size of the results that wait to be written to the bucket, in bytes.",
		st.QueuedBytes)
	for of, paused := range map[string]bool{"reads": st.ReadsPaused, "writes": st.WritesPaused} {
		on := int64(0)
		if paused {
			on = 1
		}
		e.gauge("cache_bucket_paused",
			"Whether the bucket of results is not asked because it failed lately: 1 or 0.", on, "of", of)
	}
	e.counter("cache_bucket_pauses_total", "Times that the bucket of results was not asked any more, for failures.",
		st.Opened)
	e.counter("cache_hits_total", hitsHelp, st.Reads["hit"], "tier", "bucket")
}
