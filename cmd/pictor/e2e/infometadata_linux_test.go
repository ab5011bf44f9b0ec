package e2e

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
)

// Metadata that exiftool writes are told as exiftool reads them, but for what has another name.
func TestMetadataIsThatOfExiftool(t *testing.T) {
	needs(t, "exiftool")
	dir := t.TempDir()
	file := filepath.Join(dir, "a.jpg")
	if err := os.WriteFile(file, photo(60, 40), 0o600); err != nil {
		t.Fatal(err)
	}
	write := exec.Command("exiftool", "-q", "-overwrite_original", "-Make=Leica", "-Model=M 11", "-Software=Café 2",
		"-Artist=Ada", "-ExposureTime=1/160", "-FNumber=5.6", "-ISO=200", "-FocalLength=35", "-LensModel=Summicron",
		"-DateTimeOriginal=2026:05:01 10:20:30", "-ExposureCompensation=-0.33", "-GPSAltitude=812.5", "-Orientation#=6",
		"-IPTC:Caption-Abstract=Dunes", "-IPTC:City=Sylt", "-IPTC:Keywords=sea", "-IPTC:Keywords=sand",
		"-XMP-dc:Creator=Ada", "-XMP-dc:Creator=Bob", "-XMP-dc:Title=Dunes & sea", "-XMP-xmp:Rating=4", file)
	if out, err := write.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	out, err := exec.Command("exiftool", "-j", "-n", "-G1", file).Output()
	var tags []map[string]any
	if err == nil {
		err = json.Unmarshal(out, &tags)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--insecure", "--local-root", dir, "--workers", "1")
	facts := s.told(t, "/info/x/exif:1:1/iptc:1/xmp:1/plain/local:///a.jpg")
	exif := facts["exif"].(map[string]any)
	for name, theirs := range map[string]string{"Make": "IFD0:Make", "Model": "IFD0:Model", "Software": "IFD0:Software",
		"Artist": "IFD0:Artist", "Orientation": "IFD0:Orientation", "ExposureTime": "ExifIFD:ExposureTime",
		"FNumber": "ExifIFD:FNumber", "ISOSpeedRatings": "ExifIFD:ISO", "FocalLength": "ExifIFD:FocalLength",
		"LensModel": "ExifIFD:LensModel", "DateTimeOriginal": "ExifIFD:DateTimeOriginal",
		"ExposureBiasValue": "ExifIFD:ExposureCompensation", "GPSAltitude": "GPS:GPSAltitude"} {
		if got, want := exif[name], tags[0][theirs]; got == nil || !isSameValue(got, want) {
			t.Errorf("%s is %v, exiftool says %v", name, got, want)
		}
	}
	iptc, xmp := facts["iptc"].(map[string]any), facts["xmp"].(map[string]any)
	for _, same := range [][2]any{
		{iptc["Caption"], tags[0]["IPTC:Caption-Abstract"]}, {iptc["City"], tags[0]["IPTC:City"]},
		{iptc["Keywords"], tags[0]["IPTC:Keywords"]},
		{xmp["dc"].(map[string]any)["creator"], tags[0]["XMP-dc:Creator"]},
		{xmp["dc"].(map[string]any)["title"], tags[0]["XMP-dc:Title"]},
		{xmp["xmp"].(map[string]any)["Rating"], "4"},
	} {
		if !reflect.DeepEqual(same[0], same[1]) {
			t.Errorf("%v, exiftool says %v", same[0], same[1])
		}
	}
}

// isSameValue compares a number as text with a number, to nine digits, and text with text.
func isSameValue(got, want any) bool {
	n, isNumber := want.(float64)
	if !isNumber {
		return got == want
	}
	v, err := strconv.ParseFloat(got.(string), 64)
	return err == nil && math.Abs(v-n) <= 1e-9*math.Abs(n)
}
