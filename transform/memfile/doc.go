// Package memfile holds the bytes of images outside of the Go heap, in memory
// that a worker process can map: an anonymous memory file where the system has
// them (Linux), else a temporary file without a name.
//
// It guarantees that a sealed Source never changes: on Linux the kernel refuses
// every write, so that the server may read in place what a worker has, too. What
// a decoder needs otherwise is a private view (Patched). A process that is killed
// leaves nothing behind.
package memfile
