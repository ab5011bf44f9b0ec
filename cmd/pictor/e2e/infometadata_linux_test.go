package e2e

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
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

// What exiftool writes into files of other formats is told as it reads it. It cannot write all into each.
func TestMetadataOfOtherFormatsIsThatOfExiftool(t *testing.T) {
	needs(t, "exiftool")
	needs(t, "vips")
	dir := t.TempDir()
	s := serve(t, "--insecure", "--local-root", dir, "--workers", "1")
	wide := filepath.Join(dir, "wide.tif")
	if err := os.WriteFile(filepath.Join(dir, "a.jpg"), photo(60, 40), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "vips", "icc_transform", filepath.Join(dir, "a.jpg"), wide, "p3", "--input-profile", "srgb")
	profile := filepath.Join(dir, "p3.icc")
	if err := os.WriteFile(profile, run(t, "exiftool", "-b", "-ICC_Profile", wide), 0o600); err != nil {
		t.Fatal(err)
	}
	for ext, want := range map[string]string{
		"tif": "exif iptc xmp profile", "avif": "exif xmp profile", "gif": "xmp profile", "jxl": "exif xmp profile",
		"heic": "exif xmp",
	} {
		file := filepath.Join(dir, "a."+ext)
		if ext == "heic" {
			b, err := os.ReadFile("../../../transform/vips/testdata/heic/chart.heic")
			if err = errors.Join(err, os.WriteFile(file, b, 0o600)); err != nil {
				t.Fatal(err)
			}
		} else {
			run(t, "vips", "copy", wide, file+map[string]string{"jxl": "[lossless]"}[ext]) // others lose the profile
		}
		run(t, "exiftool", "-m", "-q", "-overwrite_original", "-EXIF:Make=Leica", "-EXIF:FNumber=5.6",
			"-IPTC:City=Sylt", "-XMP-dc:Creator=Ada", "-XMP-dc:Creator=Bob", "-XMP-dc:Title=Dunes & sea",
			"-ICC_Profile<="+profile, file)
		var tags []map[string]any
		if err := json.Unmarshal(run(t, "exiftool", "-j", "-n", "-G1", file, profile), &tags); err != nil {
			t.Fatal(err)
		}
		tags[0]["profile"] = tags[1]["ICC_Profile:ProfileDescription"]
		facts := s.told(t, "/info/x/exif:1:1/iptc:1/xmp:1/icc:1/plain/local:///a."+ext)
		for _, same := range [][3]string{
			{"exif", "Make", "IFD0:Make"}, {"exif", "FNumber", "ExifIFD:FNumber"}, {"iptc", "City", "IPTC:City"},
			{"xmp", "creator", "XMP-dc:Creator"}, {"xmp", "title", "XMP-dc:Title"},
			{"profile", "", "profile"}, // exiftool finds none in a JPEG XL
		} {
			got, theirs := facts[same[0]], tags[0][same[2]]
			if of, ok := got.(map[string]any); ok {
				if same[0] == "xmp" {
					of, _ = of["dc"].(map[string]any)
				}
				got = of[same[1]]
			}
			if !strings.Contains(want, same[0]) {
				continue
			}
			text, isText := got.(string)
			if n, ok := theirs.(float64); got == nil || !reflect.DeepEqual(got, theirs) &&
				!(ok && isText && isSameValue(text, n)) {
				t.Errorf("%s: %s is %v, exiftool says %v", ext, same[2], got, theirs)
			}
		}
	}
}

// run gives what a program prints.
func run(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", program, args, err)
	}
	return out
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
