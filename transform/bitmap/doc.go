// Package bitmap reads device-independent bitmaps: BMP files, and the bitmaps in ICO icons. libvips reads
// them by ImageMagick alone, which was never made for strangers' files. Read tells the size without decoding; Decode
// writes rows into memory that the caller has made room for. Nothing is allocated by the size of the image.
//
// Sources of rules: Microsoft's BITMAPINFOHEADER to BITMAPV5HEADER, OS/2's bitmaps (IBM's Presentation Manager
// reference), and for what these leave open what Chromium shows of the files of bmpsuite.
package bitmap
