// Package nextjs is the URL dialect of next/image, the image component of Next.js:
//
//	/_next/image?url=SOURCE&w=WIDTH&q=QUALITY
//
// Its targets become the same requests as those of the native dialect, so that equal ones share
// a cache entry.
//
// What it guarantees: nothing signs these targets, so that a source has no more results than
// widths times qualities times formats are listed. What Next.js refuses by its rules of
// parameters is refused with the same status and sentence, before anything is fetched. Which
// sources may be named is the caller's to check.
package nextjs
