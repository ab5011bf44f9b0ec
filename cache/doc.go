// Package cache keeps finished results and sees to it that each is made once.
//
// What it guarantees:
//   - A hit is an entry of the very key: hashes place entries, full keys
//     identify them.
//   - For each key at most one fill runs that somebody waits for. It belongs to
//     no client: the first one may leave and the others still get their answer.
//   - A fill that is finished is a hit for whoever comes next, although the
//     RAM tier (ristretto) takes entries up late, and may refuse them.
//   - The bytes kept stay within MaxBytes, counted as the Go heap allocates.
package cache
