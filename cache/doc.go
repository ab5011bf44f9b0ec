// Package cache keeps finished results and sees to it that each is made once.
//
// What it guarantees:
//   - A hit is an entry of the very key: hashes place entries, full keys
//     identify them.
//   - Of each key at most one fill runs that requests wait for (see cache/flight).
//     It belongs to no client: the leader may leave, and the followers still get
//     their answer.
//   - A fill that is finished is a hit for the next request, although the RAM tier
//     (ristretto) stores entries late, and may refuse them.
//   - The bytes kept stay within MaxBytes, counted as the Go heap allocates.
package cache
