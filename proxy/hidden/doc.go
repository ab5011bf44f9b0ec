// Package hidden keeps the source URLs that image URLs name by a hash alone. It is a log in
// a file, with an index in memory.
//
// What it guarantees:
//   - A source that was confirmed is found from then on, also after a crash, a kill or a loss
//     of power: its record is synced before Add returns. Additions that wait at the same
//     time share one sync.
//   - The same source again adds nothing, so the log is as long as the sources that there are.
//   - The rest of a write that a crash cut off is removed by the next Open. Damage elsewhere
//     costs the records that it is in, and no other; such a source can be added again.
//   - The index takes at most IndexBytes for each source on the heap, and there are at most
//     Config.Max. The URLs are on disk alone, and read when they are asked for.
//   - A disk that hangs is waited for within bounds, by few goroutines, and a full one leaves the
//     log as it was.
package hidden
