// Package purge is the logical clock that cached entries are purged by.
//
// An entry carries the sequence that was applied when the fetch of its source
// began. A purge takes the next sequence and deletes nothing: an entry is valid
// as long as its sequence is not smaller than that of any purge that names it.
//
// What it guarantees:
//   - A purge that was acknowledged is in every Last that begins afterwards,
//     also after a crash, a kill or a loss of power.
//   - Where a purge may have been lost, because the log is damaged, gone or
//     older than its checkpoint remembers, the clock has another identity: no entry
//     of the old one is valid, so nothing that was purged comes back. Only a log
//     that was put back to an older copy while the checkpoint was gone, too, goes
//     unnoticed.
//   - A clock without a usable log makes the checkpoint one of its own when it is
//     opened, so that no entry of before is valid from then on, nor after the
//     next start. Where the checkpoint cannot be written either, it refuses to
//     purge: a purge is exact or refused.
//   - Purge returns also while the disk of the log hangs.
//   - Memory and the log are bounded whatever is purged: beyond that, a purge
//     may take more than it names, never less.
//   - A purge takes the same time whatever the size of the cache, and no wall
//     clocks are compared.
package purge
