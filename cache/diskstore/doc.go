// Package diskstore keeps records in files, within a bound.
//
// What it guarantees:
//   - What Get gives is what Put was given, header and body: checksums find
//     what a crash, a power cut or another program changed in the files.
//   - The files of a store never take more than its bound, those being written
//     included, counted in blocks of 4 KiB. The least recently used record goes first.
//   - Nothing outside of the folder pictor-v1 is touched, whatever lies in it or
//     in its place.
//   - A process that is killed at any moment leaves nothing behind that the next
//     one would take for a record, or not count.
//   - A disk that is full or fails costs records, and no more.
//   - No caller waits longer than some stall timeouts for a disk that hangs, also in
//     reading a Record that is open, nor for evictions that others need. While the
//     disk hangs every operation fails at once.
//   - A record that was dropped while the disk hung is not found after it.
//
// It is a cache: nothing is synced, and any record may be gone at any time.
package diskstore
