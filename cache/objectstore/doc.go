// Package objectstore reads and writes objects of a bucket, which other servers may share.
//
// What it guarantees:
//   - A Get returns within its patience, also where the bucket hangs.
//   - A bucket that fails, is slow or lies is left alone after a few tries: then Get fails at once, and the bucket is
//     tried again in the background.
//   - An object is read by the caller's own function, which reserves memory before it takes it and finds out lies.
package objectstore
