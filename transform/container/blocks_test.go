package container

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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

// withMetadata is an AVIF with an EXIF, an XMP that lies in two pieces, and a profile.
func withMetadata(profile []byte) []byte {
	image := av1Part(8, 8, bmffBox("colr", []byte("prof"), profile))
	exif := heifPart{kind: "Exif", data: append(be(4, 6), exifPrefix+"II*\x00\x08\x00\x00\x00\x00\x00"...)}
	xmp := heifPart{kind: "mime\x00application/rdf+xml", data: []byte("<x:xmpmeta/>"), piece: 7}
	thumb := av1Part(4, 4, bmffBox("colr", []byte("prof"), described(4)))
	return heifBuild{primary: 2, parts: []heifPart{thumb, image, exif, xmp}}.bytes()
}

func TestFindBlocksInBoxes(t *testing.T) {
	found := FindBlocks(withMetadata(described(2)), transform.AVIF)
	if string(found.XMP) != "<x:xmpmeta/>" || !bytes.HasPrefix(found.EXIF, []byte("II*\x00")) ||
		ProfileName(found.Profile) != "Display P3" {
		t.Errorf("%q %q %q", found.XMP, found.EXIF, ProfileName(found.Profile))
	}
	if found := FindBlocks(withMetadata(make([]byte, 200)), transform.AVIF); ProfileName(found.Profile) != "" {
		t.Errorf("the profile of the image is %q", found.Profile)
	}
	exif := bmffBox("Exif", be(4, 0), []byte("MM\x00*\x00\x00\x00\x08"))
	jxl := slices.Concat([]byte(jxlSignature), exif, bmffBox("xml ", []byte("<x:xmpmeta/>")))
	found = FindBlocks(jxl, transform.JXL)
	if string(found.XMP) != "<x:xmpmeta/>" || !bytes.HasPrefix(found.EXIF, []byte("MM\x00*")) {
		t.Errorf("%q %q", found.XMP, found.EXIF)
	}
}

func TestPackedProfiles(t *testing.T) {
	profile := jxlProfile(readJXLFile(t, "profile"))
	if len(profile) < 200 || int(binary.BigEndian.Uint32(profile)) != len(profile) || !profileFits(profile, "RGB ") ||
		ProfileName(profile) == "" {
		t.Errorf("%d bytes, %q", len(profile), ProfileName(profile))
	}
	// Behind the header a tag and its bytes: 16 bits that rise by 3, and bytes that stand in two rows.
	commands := "\x02\xc4\x90\x01\x18\x00" + "\x01\x08" + "\x04\x05\x06" + "\x02\x05"
	data := strings.Repeat("\x00", 128) + "\x00\x01\x00\x04\x00\x07\x00\x0a" + "\x00\x00\x00\x00\x00\x00" + "ACEBD"
	want := "\x00\x00\x00\x01cprt\x00\x00\x00\x90\x00\x00\x00\x18" + "\x00\x01\x00\x04\x00\x07\x00\x0a" +
		"\x00\x0d\x00\x10\x00\x13" + "ABCDE"
	size := profileHeader + len(want)
	packed := slices.Concat(binary.AppendUvarint(nil, uint64(size)), []byte{byte(len(commands))}, []byte(commands+data))
	got, err := unpackProfile(packed)
	if err != nil || string(got[profileHeader:]) != want || string(got[36:40]) != "acsp" {
		t.Errorf("%q, %v", got, err)
	}
	for n := range packed {
		if _, err := unpackProfile(packed[:n]); err == nil {
			t.Errorf("%d bytes are a profile", n)
		}
	}
}

// extendedGIF is a GIF with these bodies of extensions.
func extendedGIF(bodies ...string) []byte {
	b := []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00")
	for _, body := range bodies {
		b = append(append(b, gifExtension), body...)
	}
	return append(b, gifTrailer)
}

func TestFindBlocksInGIFs(t *testing.T) {
	packet, profile := strings.Repeat("<x:xmpmeta/>", 100), string(described(4))
	trailer := "\x01"
	for i := 255; i >= 0; i-- {
		trailer += string([]byte{byte(i)})
	}
	parts := ""
	for part := range slices.Chunk([]byte(profile), 100) {
		parts += string([]byte{byte(len(part))}) + string(part)
	}
	b := extendedGIF("\xfe\x02hi\x00", gifProfile+parts+"\x00", gifXMP+packet+trailer+"\x00", gifXMP+"\x00")
	found := FindBlocks(b, transform.GIF)
	if string(found.XMP) != packet || string(found.Profile) != profile {
		t.Errorf("%q %q", found.XMP, found.Profile)
	}
}

func FuzzFindBlocks(f *testing.F) {
	f.Add(withMetadata(described(2)))
	f.Add(extendedGIF(gifXMP+"\x00", gifProfile+"\x02ab\x00"))
	f.Add(slices.Concat([]byte(jxlSignature), bmffBox("Exif", be(4, 1), []byte("MM\x00*\x00\x00\x00\x08"))))
	f.Add(picturetest.WithEXIF(picturetest.JPEG(picturetest.Chart(16, 16), 80), 6, "Ada"))
	f.Add(picturetest.PNG(picturetest.Chart(8, 8)))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPEXIF\x08\x00\x00\x00MM\x00*\x00\x00\x00\x08"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range transform.Inputs {
			found := FindBlocks(b, format)
			EXIFTags(found.EXIF, func(EXIFDirectory, uint16, string) {})
			IPTCDatasets(found.IPTC, func(byte, string) {})
			if unpacked, _ := unpackProfile(b); len(unpacked) > mostProfile {
				t.Errorf("%d bytes", len(unpacked))
			}
			if name := ProfileName(found.Profile); len(name) > 256 || !utf8.ValidString(name) {
				t.Errorf("%q", name)
			}
			_ = ProfileName(b)
		}
	})
}

// described is a profile with a description, of version 4 or 2.
func described(version int) []byte {
	tag := append([]byte("desc\x00\x00\x00\x00\x00\x00\x00\x0a"), "Display P3\x00"...)
	if version == 4 {
		tag = []byte("mluc\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x0cdeDE\x00\x00\x00\x02\x00\x00\x00\x28" +
			"enUS\x00\x00\x00\x14\x00\x00\x00\x2a\x00X")
		for _, letter := range "Display P3" {
			tag = append(tag, 0, byte(letter))
		}
	}
	b := make([]byte, profileHeader)
	b = append(b, 0, 0, 0, 2, 'c', 'p', 'r', 't', 0, 0, 0, 0, 0, 0, 0, 0, 'd', 'e', 's', 'c', 0, 0, 0, 156)
	return append(binary.BigEndian.AppendUint32(b, uint32(len(tag))), tag...)
}

func TestProfileName(t *testing.T) {
	jpg, png := picturetest.JPEG(picturetest.Chart(16, 16), 80), picturetest.PNG(picturetest.Chart(16, 16))
	for version, profile := range map[int][]byte{2: described(2), 4: described(4)} {
		half := len(profile) / 2
		parts := picturetest.WithSegment(jpg, 2, append([]byte("ICC_PROFILE\x00\x02\x02"), profile[half:]...))
		parts = picturetest.WithSegment(parts, 2, append([]byte("ICC_PROFILE\x00\x01\x02"), profile[:half]...))
		riff := append([]byte("RIFF\x00\x00\x00\x00WEBPICCP"), byte(len(profile)), byte(len(profile)>>8), 0, 0)
		for f, b := range map[transform.Format][]byte{
			transform.JPEG: parts, transform.PNG: picturetest.WithPNGProfile(png, profile),
			transform.WebP: append(append(riff, profile...), 0),
		} {
			if got := ProfileName(FindBlocks(b, f).Profile); got != "Display P3" {
				t.Errorf("version %d in %v: %q", version, f, got)
			}
		}
		for n := range profile {
			if got := ProfileName(profile[:n]); got != "" {
				t.Errorf("version %d, %d bytes: %q", version, n, got)
			}
		}
	}
}
