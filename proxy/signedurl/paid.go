package signedurl

import (
	"fmt"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// ignorableOptions are options of imgproxy's paid edition that pictor lacks, or has not
// all methods of, and that an operator may have ignored, as the image is much the same
// without them. Keys are long names, values all names.
var ignorableOptions = map[string][]string{
	"resizing_algorithm": {"resizing_algorithm", "ra"},
	"dpi":                {"dpi"},
	"autoquality":        {"autoquality", "aq"},
	"bypass_cache":       {"bypass_cache", "bc"},
	"cache_tags":         {"cache_tags", "ct"},
	"hashsum":            {"hashsum", "hs"},
	"disable_animation":  nil, // pictor has it since it has animations, and settings may still name it
	"fallback_image_url": {"fallback_image_url", "fiu"},
	"style":              {"style", "st"},
}

// refusedOptions change the image, so that ignoring them would serve another image
// than the URL asks for.
var refusedOptions = [][]string{
	{"objects_position", "obj_pos", "op"}, {"crop_objects"}, {"duotone", "dt"}, {"unsharp_masking", "ush"},
	{"blur_areas", "ba"},
	{"progressive_blur", "pbl"}, {"blur_detections", "bd"}, {"draw_detections", "dd"}, {"colorize", "col"},
	{"gradient", "gr"},
	{"watermark_url", "wmu"}, {"watermark_text", "wmt"}, {"watermark_size", "wms"},
	{"watermark_rotate", "wm_rot", "wmr"},
	{"watermark_shadow", "wmsh"}, {"color_profile", "cp", "icc"},
	{"video_thumbnail_second", "vts"}, {"video_thumbnail_keyframes", "vtk"}, {"video_thumbnail_tile", "vtt"},
	{"video_thumbnail_animation", "vta"},
}

// Ignorable are the options that DialectConfig.Ignored takes.
func Ignorable() []string {
	var names []string
	for name := range ignorableOptions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unknownOption is the error of an option that does not exist. It says so where the
// option is one of imgproxy's paid edition.
func unknownOption(name string) error {
	for long, names := range ignorableOptions {
		if slices.Contains(names, name) {
			return fmt.Errorf("%w: %s is an option of imgproxy Pro that pictor does not have; --ignore-options %s "+
				"makes the server ignore it", ErrUnknownOption, transform.Quote(name), long)
		}
	}
	for _, names := range refusedOptions {
		if slices.Contains(names, name) {
			return fmt.Errorf("%w: %s is an option of imgproxy Pro that pictor does not have", ErrUnknownOption,
				transform.Quote(name))
		}
	}
	return fmt.Errorf("%w: there is no option %s", ErrUnknownOption, transform.Quote(name))
}
