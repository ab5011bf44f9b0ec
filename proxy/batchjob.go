package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// batch is fills whose results are made by one job. The job goes on until no fill waits for it.
type batch struct {
	batches   *batches
	members   []*batchMember // in the order of the job's outputs
	job       transform.Job
	source    *sources.Source
	admission *memory.Admission
	cancel    context.CancelFunc

	// The lock of batches guards these: how many members have neither their outcome nor have abandoned the batch,
	// how many outputs are made, and when the last one was.
	open, made int
	lastMade   time.Time
}

// isAlone is called with the admission of a member. If there are others that wait, it starts the batch that has
// the admission from then on, and reports false. It does so, too, where another member's batch has
// taken the member meanwhile; the admission is then given back.
func (b *batches) isAlone(m *batchMember, admission *memory.Admission) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.batch != nil {
		admission.Release()
		return false
	}
	q := b.queues[m.fill.source]
	defer q.callNext()
	members := []*batchMember{m}
	if len(q.waiting) > 1 && m.fill.commit() == nil { // else its clients have left
		members = b.chooseMembers(m, q, admission)
	}
	for _, m := range members {
		q.remove(m)
	}
	if len(members) == 1 {
		return true
	}
	b.startBatch(members, q, admission)
	return false
}

// chooseMembers are a member that was admitted, and those of the queue that there is room for beside it. A batch has
// the share of one worker in the memory for transforms: with more it would keep other jobs waiting whose
// workers are free. The lock is held.
func (b *batches) chooseMembers(m *batchMember, q *batchQueue, admission *memory.Admission) []*batchMember {
	budgets := b.server.memory.Budgets
	most := budgets.Transforms.Stats().Capacity / max(budgets.Workers.Stats().Capacity, 1)
	members, admitted := []*batchMember{m}, m.planned.need()
	for _, other := range q.waiting {
		if other == m || len(members) == mostBatched {
			continue
		}
		with := append(slices.Clone(members), other)
		need := needOf(with)
		if need > most || need > admitted && admission.TryGrow(need-admitted) != nil {
			continue
		}
		admitted = max(admitted, need)
		if other.fill.commit() == nil { // else its clients have left
			members = with
		}
	}
	return members
}

// needOf is what a batch of these members is to be admitted with, in bytes.
func needOf(members []*batchMember) int64 {
	need := transform.JobWorkingSet(jobOf(members))
	for _, m := range members {
		need += m.planned.resultBytes
	}
	return need
}

// jobOf is one job for all members, without its bounds.
func jobOf(members []*batchMember) transform.Job {
	job := members[0].planned.job
	job.Outputs, job.Starts = nil, nil
	for _, m := range members {
		job.Outputs = append(job.Outputs, m.planned.job.Outputs[0])
		job.Starts = append(job.Starts, m.planned.job.StartOf(0))
		if mark := m.planned.job; mark.Watermark != nil {
			job.Watermark, job.WatermarkInfo = mark.Watermark, mark.WatermarkInfo
		}
	}
	return job
}

// startBatch starts the job of members that have left the queue. The cheapest result is made first, so that most
// need not wait for the most expensive ones. The lock is held.
func (b *batches) startBatch(members []*batchMember, q *batchQueue, admission *memory.Admission) {
	slices.SortStableFunc(members, func(x, y *batchMember) int {
		return cmp.Compare(x.planned.job.CPU, y.planned.job.CPU)
	})
	job := jobOf(members)
	job.Memory, job.CPU = transform.JobWorkingSet(job), transform.CPUTime(job)
	src := members[0].fill.source
	run := &batch{
		batches: b, members: members, job: job, source: src, admission: admission,
		open: len(members), lastMade: time.Now(),
	}
	var ctx context.Context
	ctx, run.cancel = context.WithCancel(context.Background())
	for _, m := range members {
		m.batch = run
		close(m.taken)
		m.stop()
	}
	b.stats.jobs++
	b.stats.results += uint64(len(members))
	src.Hold()
	q.settled++
	b.running.Go(func() { run.do(ctx) })
}

// do has a worker do the job. Members that are left without a result make it alone.
func (run *batch) do(ctx context.Context) {
	defer func() {
		run.cancel()
		run.admission.Release()
		run.source.Release()
		run.batches.forget(run.source, true)
	}()
	failed := batchOutcome{err: errBatchFailed}
	defer func() {
		for _, m := range run.members {
			run.give(m, failed)
		}
	}()
	defer func() { failed.panicked = recover() }()
	err := run.batches.server.cfg.Transformer.Transform(ctx, run.job, run.deliver)
	if err != nil && ctx.Err() == nil {
		run.batches.server.log.Debug("job of several results failed: each that is missing is made alone",
			"results", len(run.members), "err", err)
	}
}

// deliver gives a member its result.
func (run *batch) deliver(i int, pic transform.Picture) {
	m := run.members[i]
	var o batchOutcome
	o.picture, o.grant, o.err = m.fill.finishResult(m.planned, pic)
	m.fill.server.quarantine.recordOutcome(m.fill.cacheRequest, run.source.Meta().Seq, nil, true)
	run.batches.mu.Lock()
	run.made++
	run.lastMade = time.Now()
	run.batches.mu.Unlock()
	run.give(m, o)
}

// give is the outcome of a member, unless it has one or waits for none.
func (run *batch) give(m *batchMember, o batchOutcome) {
	b := run.batches
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.abandoned || m.hasOutcome {
		if o.grant != nil {
			o.grant.Release()
		}
		return
	}
	m.hasOutcome = true
	m.outcome <- o
	run.open--
}

// result waits for the result of the batch.
func (m *batchMember) result(ctx context.Context) (transform.Picture, error) {
	var o batchOutcome
	select {
	case o = <-m.outcome:
	case <-ctx.Done():
		if !m.batch.abandon(m) {
			o = <-m.outcome
			break
		}
		return o.picture, m.abandonedBecause(ctx)
	}
	if o.panicked != nil {
		panic(o.panicked)
	}
	if o.err == nil {
		m.fill.workingSet = m.batch.job.Memory
		m.fill.resultGrant = o.grant
	}
	return o.picture, o.err
}

// abandon ends the wait of a member, unless its outcome is there. Without members the job is canceled.
func (run *batch) abandon(m *batchMember) bool {
	run.batches.mu.Lock()
	defer run.batches.mu.Unlock()
	if m.hasOutcome {
		return false
	}
	m.abandoned = true
	if run.open--; run.open == 0 {
		run.cancel()
	}
	return true
}

// abandonedBecause is the error of a member whose time is over. It counts against its source or result if the job
// worked on that one most of the time.
func (m *batchMember) abandonedBecause(ctx context.Context) error {
	err := context.Cause(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	err = fmt.Errorf("%w: deadline exceeded", transform.ErrTimeout)
	run, s := m.batch, m.fill.server
	run.batches.mu.Lock()
	current := run.made < len(run.members) && run.members[run.made] == m
	hadTime := time.Since(run.lastMade) > s.cfg.inForce.Load().RequestTimeout/2
	run.batches.mu.Unlock()
	if current {
		s.quarantine.recordOutcome(m.fill.cacheRequest, run.source.Meta().Seq, err, hadTime)
	}
	return err
}
