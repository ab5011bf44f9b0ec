package container

import (
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func tagsOf(b []byte) map[uint16]string {
	tags := map[uint16]string{}
	EXIFTags(b, func(_ EXIFDirectory, tag uint16, value string) { tags[tag] = value })
	return tags
}

func TestEXIFTags(t *testing.T) {
	// A first directory with a pointer to itself, a text that is cut off, a ratio and one by zero.
	const block = "II*\x00\x08\x00\x00\x00" + "\x05\x00" +
		"\x69\x87\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00" +
		"\x0f\x01\x02\x00\x04\x00\x00\x00Ada\x00" +
		"\x10\x01\x02\x00\xff\x00\x00\x00\x08\x00\x00\x00" +
		"\x1a\x01\x05\x00\x01\x00\x00\x00\x4a\x00\x00\x00" +
		"\x1b\x01\x05\x00\x01\x00\x00\x00\x4e\x00\x00\x00" +
		"\x00\x00\x00\x00" + "\x01\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00"
	got := tagsOf([]byte(block))
	if len(got) < 2 || got[0x010f] != "Ada" || got[0x011a] != "0.25" || got[0x0110] != "" || got[0x011b] != "" {
		t.Errorf("%v", got)
	}
}

func TestFindBlocks(t *testing.T) {
	jpg := picturetest.WithEXIF(picturetest.JPEG(picturetest.Chart(16, 16), 80), 6, "Ada")
	for _, f := range []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.GIF} {
		found := FindBlocks(jpg, f)
		if is := tagsOf(found.EXIF)[exifTagCopyright] == "Ada"; is != (f == transform.JPEG) {
			t.Errorf("read as %v: %v", f, found)
		}
	}
}

func FuzzFindBlocks(f *testing.F) {
	f.Add(picturetest.WithEXIF(picturetest.JPEG(picturetest.Chart(16, 16), 80), 6, "Ada"))
	f.Add(picturetest.PNG(picturetest.Chart(8, 8)))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPEXIF\x08\x00\x00\x00MM\x00*\x00\x00\x00\x08"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, format := range transform.Inputs {
			found := FindBlocks(b, format)
			EXIFTags(found.EXIF, func(EXIFDirectory, uint16, string) {})
			IPTCDatasets(found.IPTC, func(byte, string) {})
		}
	})
}
