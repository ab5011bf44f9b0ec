// Package transform is the vocabulary of image work: what an image is
// (Format, Info), what is asked of it (Params), what that will produce and
// cost (Geometry, WorkingSet), what is refused (Limits), and who does it
// (Transformer).
//
// It is pure Go and imports nothing of pictor, so that a backend which only
// mints URLs can use it. It reads no image: headers and structure are the
// business of transform/container, pixels that of transform/vips in a worker
// process.
package transform
