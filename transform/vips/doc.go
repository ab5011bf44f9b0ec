// Package vips does pictor's pixel work through libvips: one call per result,
// streaming from the source's bytes to the encoded result, so that memory
// follows the width of an image and not its area wherever the formats allow.
//
// It is the only package with cgo. Its own C code is the pipeline; bimg starts
// libvips (in its package init), switches its caches, and tells which types it
// loads and saves. Importing the package starts libvips, so of the programs
// that users run only pictor-worker does.
//
// What it guarantees: a type is loaded by its own loader, chosen by pictor's
// sniff, and every loader that pictor did not ask for is blocked; an image
// whose pixels disagree with its sniffed header, or that breaks off or fails
// to decode, is an error and never a result.
package vips
