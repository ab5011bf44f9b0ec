// Package container reads and rewrites the containers of images: JPEG, PNG, WebP,
// GIF, AVIF and JPEG XL, and the EXIF, XMP, IPTC and colour profiles in them. It never
// decodes a pixel.
//
// It guarantees that what Sniff takes is whole: a source that was cut anywhere is
// refused. It takes time linear in the length of what it reads, allocates little,
// and changes none of the bytes that it is given (but StripWebP, which works in
// place). Whatever the bytes are, it neither panics nor reads outside of them:
// each of its parsers has a fuzz target.
package container
