// Package sources is the store of source images: each is fetched once for all fills that
// want it at the same time, and kept on disk where it may be stored, so that ten sizes of
// an image cost one fetch.
//
// The files follow a source: acquire.go joins or starts a flight, resolve.go is the work of
// the flight (disk, bucket, origin), fetchlimit.go bounds the fetches, source.go has the
// bytes in memory and record.go writes them to disk and offers them to the bucket, meta.go is what
// is known of a source, bucket.go and bucketwrite.go are the records that servers share,
// negative.go remembers failures, and ttl.go tells for how long a source is fresh.
//
// What it guarantees:
//   - A source that Acquire gives is valid by HTTP and by the purges of its request.
//   - No byte of a source is in memory that was not reserved before.
//   - The memory of a source lasts until its last user has released it, and is freed before
//     its reservation.
//   - What was fetched with headers of a client, and what may not be stored, is not shared
//     with other servers; what they have shared is believed against no purge.
//   - An error is remembered for no longer than the configuration says.
//   - A host that never answers leaves fetches to others.
package sources
