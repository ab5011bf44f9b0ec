package facts

import "github.com/pictor-proxy/pictor/transform/container"

// exifName are the names of a tag: that of EXIF 2.32, and the title that libexif shows people, as imgproxy does.
type exifName struct{ canonical, title string }

var exifNames = map[container.EXIFDirectory]map[uint16]exifName{
	container.EXIFImage: {
		0x010E: {"ImageDescription", "Image Description"}, 0x010F: {"Make", "Manufacturer"}, 0x0110: {"Model", "Model"},
		0x0112: {"Orientation", "Orientation"}, 0x011A: {"XResolution", "X-Resolution"},
		0x011B: {"YResolution", "Y-Resolution"}, 0x0128: {"ResolutionUnit", "Resolution Unit"},
		0x0131: {"Software", "Software"}, 0x0132: {"DateTime", "Date and Time"}, 0x013B: {"Artist", "Artist"},
		0x8298: {"Copyright", "Copyright"},
	},
	container.EXIFPhoto: {
		0x829A: {"ExposureTime", "Exposure Time"}, 0x829D: {"FNumber", "F-Number"},
		0x8822: {"ExposureProgram", "Exposure Program"}, 0x8827: {"ISOSpeedRatings", "ISO Speed Ratings"},
		0x9003: {"DateTimeOriginal", "Date and Time (Original)"},
		0x9004: {"DateTimeDigitized", "Date and Time (Digitized)"}, 0x9010: {"OffsetTime", "Offset Time"},
		0x9011: {"OffsetTimeOriginal", "Offset Time Original"}, 0x9201: {"ShutterSpeedValue", "Shutter Speed"},
		0x9202: {"ApertureValue", "Aperture"}, 0x9203: {"BrightnessValue", "Brightness"},
		0x9204: {"ExposureBiasValue", "Exposure Bias"}, 0x9205: {"MaxApertureValue", "Maximum Aperture Value"},
		0x9207: {"MeteringMode", "Metering Mode"}, 0x9208: {"LightSource", "Light Source"}, 0x9209: {"Flash", "Flash"},
		0x920A: {"FocalLength", "Focal Length"}, 0x9291: {"SubSecTimeOriginal", "Sub-second Time (Original)"},
		0xA001: {"ColorSpace", "Color Space"}, 0xA002: {"PixelXDimension", "Pixel X Dimension"},
		0xA003: {"PixelYDimension", "Pixel Y Dimension"}, 0xA402: {"ExposureMode", "Exposure Mode"},
		0xA403: {"WhiteBalance", "White Balance"}, 0xA404: {"DigitalZoomRatio", "Digital Zoom Ratio"},
		0xA405: {"FocalLengthIn35mmFilm", "Focal Length in 35mm Film"},
		0xA406: {"SceneCaptureType", "Scene Capture Type"},
		0xA408: {"Contrast", "Contrast"}, 0xA409: {"Saturation", "Saturation"}, 0xA40A: {"Sharpness", "Sharpness"},
		0xA433: {"LensMake", "Lens Make"}, 0xA434: {"LensModel", "Lens Model"},
	},
	container.EXIFGPS: {
		1: {"GPSLatitudeRef", "North or South Latitude"}, 2: {"GPSLatitude", "Latitude"},
		3: {"GPSLongitudeRef", "East or West Longitude"}, 4: {"GPSLongitude", "Longitude"},
		5: {"GPSAltitudeRef", "Altitude Reference"}, 6: {"GPSAltitude", "Altitude"},
		7: {"GPSTimeStamp", "GPS Time (Atomic Clock)"}, 29: {"GPSDateStamp", "GPS Date"},
	},
}

// exifFacts are the tags of a block that have a name here, as plain numbers and text.
func exifFacts(block []byte, canonical bool) map[string]string {
	told := map[string]string{}
	container.EXIFTags(block, func(dir container.EXIFDirectory, tag uint16, value string) {
		name, ok := exifNames[dir][tag]
		switch {
		case !ok:
		case canonical:
			told[name.canonical] = validText(value)
		default:
			told[name.title] = validText(value)
		}
	})
	return told
}

// iptcNames are datasets of the application record; Keywords may be there more than once.
var iptcNames = map[byte]string{
	5: "Name", 10: "Urgency", 15: "Category", 25: "Keywords", 40: "Special Instructions", 55: "Date Created",
	60: "Time Created", 80: "Byline", 85: "Byline Title", 90: "City", 92: "Sub-location", 95: "Province/State",
	101: "Country/Primary Location Name", 105: "Headline", 110: "Credit", 115: "Source", 116: "Copyright Notice",
	120: "Caption", 122: "Writer/Editor",
}

const iptcKeywords = 25

// maxKeywords is how many keywords are told.
const maxKeywords = 200

func iptcFacts(record []byte) map[string]any {
	told := map[string]any{}
	var keywords []string
	container.IPTCDatasets(record, func(number byte, text string) {
		name, ok := iptcNames[number]
		switch {
		case !ok:
		case number == iptcKeywords && len(keywords) < maxKeywords:
			keywords = append(keywords, validText(text))
		case number != iptcKeywords:
			told[name] = validText(text)
		}
	})
	if keywords != nil {
		told[iptcNames[iptcKeywords]] = keywords
	}
	return told
}
