package config

import (
	"cmp"
	"strings"
)

// inAutoQuality is the note of variables that autoQuality reads.
const inAutoQuality = "in autoquality of the default preset, where IMGPROXY_AUTOQUALITY_METHOD sets one"

const perFormat = "the range of autoquality counts for all formats; a preset for URLs of one format can have its own"

// autoQualityVariables are those about chosen qualities and formats, without IMGPROXY_.
var autoQualityVariables = map[string]translation{
	"AUTOQUALITY_METHOD": {preset: "aq"},
	"AUTOQUALITY_TARGET": {note: inAutoQuality}, "AUTOQUALITY_MIN": {note: inAutoQuality},
	"AUTOQUALITY_MAX": {note: inAutoQuality}, "AUTOQUALITY_ALLOWED_ERROR": {note: inAutoQuality},
	"AUTOQUALITY_FORMAT_MIN": {note: perFormat}, "AUTOQUALITY_FORMAT_MAX": {note: perFormat},
	"AUTOQUALITY_MAX_RESOLUTION": {note: "the CPU time and memory of a search are bounded by its size"},
	"BEST_FORMAT_BY_DEFAULT":     {preset: "f", value: ifTrue("best")},
	"BEST_FORMAT_COMPLEXITY_THRESHOLD": {
		note: "formats are compared at one score of their results, however complex the image is"},
	"BEST_FORMAT_MAX_RESOLUTION": {
		note: "best-cpu bounds the CPU time, and so leaves slow formats of large results out"},
	"BEST_FORMAT_ALLOW_SKIPS": {note: "skip_processing (skp) does so, in URLs or in the default preset"},
}

func init() {
	for name, t := range autoQualityVariables {
		translations[name] = t
	}
}

// autoQuality is the argument of the option aq for imgproxy's variables, with its defaults: "dssim:0.02:70:80:0.002".
func autoQuality(environ []string) string {
	set := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if name, ok := strings.CutPrefix(name, imgproxyPrefix+"AUTOQUALITY_"); ok {
			set[name] = strings.TrimSpace(value)
		}
	}
	method := set["METHOD"]
	text := cmp.Or(set["TARGET"], "0.02") + ":" + cmp.Or(set["MIN"], "70") + ":" + cmp.Or(set["MAX"], "80")
	switch method {
	case "none":
		return method
	case "dssim", "ml": // the target of ml is a DSSIM, too
		return "dssim:" + text + ":" + cmp.Or(set["ALLOWED_ERROR"], "0.002")
	}
	return method + ":" + text
}
