package signedurl

import (
	"fmt"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// paid are options of imgproxy's paid edition that pictor does not have and
// that may be passed over, as the picture is much the same without them. By
// their long names, with all names.
var paid = map[string][]string{
	"resizing_algorithm": {"resizing_algorithm", "ra"},
	"dpi":                {"dpi"},
	"autoquality":        {"autoquality", "aq"},
	"bypass_cache":       {"bypass_cache", "bc"},
	"cache_tags":         {"cache_tags", "ct"},
	"hashsum":            {"hashsum", "hs"},
	"disable_animation":  {"disable_animation", "da"},
	"fallback_image_url": {"fallback_image_url", "fiu"},
	"style":              {"style", "st"},
}

// refused are those that change a picture, so that leaving them out would
// serve another one than was asked for.
var refused = [][]string{
	{"objects_position", "obj_pos", "op"}, {"crop_objects"}, {"duotone", "dt"}, {"unsharp_masking", "ush"}, {"blur_areas", "ba"},
	{"progressive_blur", "pbl"}, {"blur_detections", "bd"}, {"draw_detections", "dd"}, {"colorize", "col"}, {"gradient", "gr"},
	{"watermark_url", "wmu"}, {"watermark_text", "wmt"}, {"watermark_size", "wms"}, {"watermark_rotate", "wm_rot", "wmr"},
	{"watermark_shadow", "wmsh"}, {"color_profile", "cp", "icc"}, {"page", "pg"}, {"pages", "pgs"},
	{"video_thumbnail_second", "vts"}, {"video_thumbnail_keyframes", "vtk"}, {"video_thumbnail_tile", "vtt"}, {"video_thumbnail_animation", "vta"},
}

// Ignorable are the options that DialectConfig.Ignored takes.
func Ignorable() []string {
	var names []string
	for name := range paid {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unknownOption says what is known of an option that is not taken.
func unknownOption(name string) error {
	for long, names := range paid {
		if slices.Contains(names, name) {
			return fmt.Errorf("%w: %s is an option of imgproxy Pro that pictor does not have; --ignore-options %s makes the server ignore it", ErrUnknownOption, transform.Quote(name), long)
		}
	}
	for _, names := range refused {
		if slices.Contains(names, name) {
			return fmt.Errorf("%w: %s is an option of imgproxy Pro that pictor does not have", ErrUnknownOption, transform.Quote(name))
		}
	}
	return fmt.Errorf("%w: there is no option %s", ErrUnknownOption, transform.Quote(name))
}
