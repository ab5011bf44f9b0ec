package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/cache/diskstore"
)

// collector is the ledger, and what was counted, for Prometheus. It keeps
// nothing: each scrape looks anew. Figures whose names are not known before
// are why it describes none of them (an unchecked collector).
type collector struct{ s *Server }

func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	e := emitter(out)
	m := c.s.Memory()
	e.gauge("memory_limit_bytes", "The limit that the plan splits.", m.Limit)
	e.gauge("memory_total_bytes", "What all processes take, with the memory files of sources.", m.Total)
	for _, p := range m.Parts {
		e.gauge("memory_part_bytes", "What the total consists of.", p.Bytes, "part", p.Name)
	}
	for _, p := range m.Plan {
		e.gauge("memory_plan_bytes", "How the limit is split.", p.Bytes, "part", p.Name)
	}
	e.accounts(m.Accounts)
	e.cache(c.s)
	for class, n := range map[string]int64{"in use": m.Heap.InUse, "idle": m.Heap.Idle, "released": m.Heap.Released, "stacks": m.Heap.Stacks, "runtime": m.Heap.Runtime} {
		e.gauge("heap_bytes", "Go's own memory.", n, "class", class)
	}
	kinds := map[string]Process{}
	count := map[string]int64{"server": 0, "worker": 0}
	for _, p := range m.Processes {
		k := kinds[p.Kind]
		k.Anon, k.File, k.Shmem = k.Anon+p.Anon, k.File+p.File, k.Shmem+p.Shmem
		kinds[p.Kind] = k
		count[p.Kind]++
	}
	for kind, n := range count {
		e.gauge("processes", "Processes that live.", n, "kind", kind)
		for class, n := range map[string]int64{"anonymous": kinds[kind].Anon, "file": kinds[kind].File, "shared": kinds[kind].Shmem} {
			e.gauge("process_bytes", "Proportional set size of all processes of a kind.", n, "kind", kind, "class", class)
		}
	}
	e.gauge("transforms_reserved_bytes", "What jobs under way were admitted with.", m.Transforms.Reserved)
	e.gauge("transforms_real_bytes", "What their workers hold above what they held when fresh.", m.Transforms.Real)
	e.gauge("source_files", "Memory files of sources that are open.", int64(m.Sources.Count))
	e.gauge("source_bytes", "Bytes in these.", m.Sources.Bytes)
	if g := m.Cgroup; g != nil {
		for class, n := range map[string]int64{"anonymous": g.Anon, "shared": g.Shmem, "file": g.File} {
			e.gauge("cgroup_bytes", "What the kernel counts for the memory cgroup.", n, "class", class)
		}
		e.counter("cgroup_oom_kills_total", "Processes that the kernel ended for the cgroup's limit.", uint64(g.OOMKills))
	}
	e.gauge("clients", "Connections of clients.", int64(m.Clients))
	e.counter("clients_refused_total", "Connections that there was no room for.", c.s.gate.refused.Load())
	e.send(prometheus.GaugeValue, "pressure_level", "Part of the shares in force; below 1 memory runs short.", m.Pressure.Level)
	e.gauge("pressure_real_bytes", "Memory that the kernel cannot take back, of the cgroup where the limit is the cgroup's.", m.Pressure.Real)
	e.gauge("pressure_others_bytes", "What of it other programs in the cgroup take.", m.Pressure.Others)
	e.counter("pressure_tightened_total", "How often shares were tightened because memory ran short.", m.Pressure.Tightened)
	e.pool(c.s)
}

// emitter sends figures under pictor's names.
type emitter chan<- prometheus.Metric

// send takes labels as names and values in turn.
func (e emitter) send(kind prometheus.ValueType, name, help string, v float64, labels ...string) {
	set := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		set[labels[i]] = labels[i+1]
	}
	m, err := prometheus.NewConstMetric(prometheus.NewDesc("pictor_"+name, help, nil, set), kind, v)
	if err != nil {
		m = prometheus.NewInvalidMetric(prometheus.NewDesc("pictor_"+name, help, nil, nil), err)
	}
	e <- m
}

func (e emitter) gauge(name, help string, v int64, labels ...string) {
	e.send(prometheus.GaugeValue, name, help, float64(v), labels...)
}

func (e emitter) counter(name, help string, v uint64, labels ...string) {
	e.send(prometheus.CounterValue, name, help, float64(v), labels...)
}

func (e emitter) accounts(list []Account) {
	for _, a := range list {
		e.gauge("account_in_use", "What is dealt out: bytes; of fetches, workers and alone the number.", a.InUse, "account", a.Name)
		e.gauge("account_capacity", "What may be dealt out.", a.Capacity, "account", a.Name)
		e.gauge("account_waiting", "Who stands in line.", int64(a.Waiting), "account", a.Name)
		e.gauge("account_waiting_bytes", "What those want.", a.WaitingBytes, "account", a.Name)
		e.counter("account_granted_total", "How often it was granted.", a.Granted, "account", a.Name)
		e.counter("account_shed_total", "How often there was no room in time.", a.Shed, "account", a.Name)
		e.counter("account_too_large_total", "How often more was asked than the whole account.", a.TooLarge, "account", a.Name)
	}
}

func (e emitter) cache(s *Server) {
	c := s.cfg.Cache.Stats()
	e.gauge("cache_bytes", "What the entries of the RAM tier take.", c.Bytes)
	e.gauge("cache_max_bytes", "What they may take now.", c.MaxBytes)
	e.gauge("cache_entries", "Entries of the RAM tier.", c.Entries)
	e.gauge("cache_flights", "Fills under way.", int64(c.Flights))
	e.gauge("cache_pending_bytes", "Results that the tiers have not taken up yet.", c.PendingBytes)
	for tier, n := range map[string]uint64{"memory": c.Hits - c.LowerHits, "disk": c.LowerHits} {
		e.counter("cache_hits_total", "Fresh answers by where they were.", n, "tier", tier)
	}
	for outcome, n := range map[string]uint64{"hit": c.Hits, "miss": c.Misses, "collapsed": c.Collapsed, "stale": c.Stale,
		"stale-if-error": c.StaleErrors, "remembered-error": c.Remembered, "bypass": c.Bypassed} {
		e.counter("cache_requests_total", "Requests by what the cache did.", n, "outcome", outcome)
	}
	e.counter("cache_fills_total", "Fills that were run.", c.Fills)
	e.counter("cache_fill_errors_total", "Fills that failed.", c.FillErrors)
	e.counter("cache_refreshes_total", "Fills that nobody waited for at first.", c.Refreshes)
	e.counter("cache_renewed_total", "Fills that found the bytes to be right as they are.", c.Renewed)
	e.counter("cache_promoted_total", "Entries copied from disk into the RAM tier.", c.Promoted)
	for why, n := range map[string]uint64{"dropped": c.Dropped, "rejected": c.Rejected, "evicted": c.Evicted, "collision": c.Collisions,
		"swept": c.Swept, "unwritten": c.Unwritten} {
		e.counter("cache_lost_total", "Entries not taken, pushed out, hidden by another, purged, or not written to disk.", n, "why", why)
	}
	e.store("results", s.cfg.Disk)
	e.store("sources", s.cfg.Sources)
	e.sources(s.sources.statsNow())
	p := s.cfg.Clock.Stats()
	e.gauge("purge_sequence", "Number of the last purge that is in force.", int64(p.Sequence))
	e.counter("purges_total", "Purges since the start.", p.Purges)
	e.gauge("purge_targets", "What purges named and is remembered exactly.", int64(p.Targets+p.Prefixes))
	e.gauge("purge_log_bytes", "Size of the log of purges.", p.LogBytes)
}

// store tells of a store on disk, if there is one.
func (e emitter) store(name string, store *diskstore.Store) {
	if store == nil {
		return
	}
	d := store.Stats()
	e.gauge("disk_bytes", "What the records on disk take.", d.Bytes, "store", name)
	e.gauge("disk_max_bytes", "What they may take.", d.MaxBytes, "store", name)
	e.gauge("disk_records", "Records on disk.", int64(d.Records), "store", name)
	hangs := int64(0)
	if d.Hangs {
		hangs = 1
	}
	e.gauge("disk_hangs", "1 while the disk does not answer, and nothing is asked of it.", hangs, "store", name)
	e.counter("disk_written_total", "Records written.", d.Written, "store", name)
	for why, n := range map[string]uint64{"evicted": d.Evicted, "corrupt": d.Corrupt, "refused": d.Refused, "error": d.WriteErrors} {
		e.counter("disk_lost_total", "Records not written or removed.", n, "store", name, "why", why)
	}
}

func (e emitter) sources(st SourceStats) {
	for how, n := range map[string]uint64{"shared": st.Shared, "stored": st.Stored, "revalidated": st.Revalidated, "fetched": st.Fetched,
		"failed": st.Failed, "remembered-error": st.Remembered} {
		e.counter("sources_total", "Sources by how they were had.", n, "how", how)
	}
	e.counter("sources_fetched_bytes_total", "Bytes of sources that origins sent.", st.FetchedBytes)
}

func (e emitter) pool(s *Server) {
	p, ok := s.cfg.Transformer.(pool)
	if !ok {
		return
	}
	st := p.Stats()
	e.gauge("workers_idle", "Workers without work.", int64(st.Idle))
	e.counter("workers_started_total", "Workers started.", st.Started)
	e.counter("jobs_total", "Jobs given to workers.", st.Jobs)
	e.counter("jobs_retried_total", "Jobs given to a second worker.", st.Retried)
	for why, n := range map[string]uint64{"crashed": st.Crashed, "killed": st.Killed, "overran": st.Overran, "replaced": st.Replaced} {
		e.counter("workers_ended_total", "Workers that ended before they were let go for want of work.", n, "why", why)
	}
}
