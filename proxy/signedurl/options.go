package signedurl

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/transform"
)

// requestOption is an option about the request instead of the image.
type requestOption struct {
	transform.Usage
	set  func(r *Request, args []string) error
	text func(r Request) string
}

// requestOptions are all of them, in the order of canonical texts.
var requestOptions = []requestOption{pickWidthsOption, pickDPRsOption, pickFormatsOption, cacheBusterOption,
	tagsOption, expiresOption, filenameOption, attachmentOption, maxPixelsOption,
	maxBytesOption, maxFramesOption, maxFramePixelsOption}

// Options lists every option of the dialect, those about the image first.
func Options() []transform.Usage {
	var all []transform.Usage
	for _, o := range transform.Options() {
		all = append(all, o.Usage)
	}
	all = append(all, presetUsage)
	for _, o := range requestOptions {
		all = append(all, o.Usage)
	}
	return all
}

// setter has the long name of an option, the most arguments that it takes, and the
// function that sets it.
type setter struct {
	long string
	most int
	set  func(r *Request, args []string) error
}

// setters are by all names. The table is made once, and never written to.
var setters = func() map[string]setter {
	table := map[string]setter{}
	for _, o := range transform.Options() {
		for _, name := range o.Names {
			table[name] = setter{o.Names[0], o.Most,
				func(r *Request, args []string) error { return o.Set(&r.Params, args) }}
		}
	}
	for _, o := range requestOptions {
		for _, name := range o.Names {
			table[name] = setter{o.Names[0], o.Most, o.set}
		}
	}
	return table
}()

var cacheBusterOption = requestOption{
	Usage: transform.Usage{Names: []string{"cachebuster", "cb"}, Args: "text", Most: 1, Default: "none",
		Text: "Any text. Another text is another cache entry. Results with a cachebuster are fresh for a year and " +
			"are sent as `immutable`."},
	set: func(r *Request, args []string) error {
		r.CacheBuster = args[0]
		return nil
	},
	text: func(r Request) string { return escapeArgument(r.CacheBuster) },
}

const maxTags, maxTag = 16, 64

var tagsOption = requestOption{
	Usage: transform.Usage{Names: []string{"cache_tags", "ct"}, Args: "tag:tag:…", Most: maxTags, Default: "none",
		Text: fmt.Sprintf("Up to %d tags by which the result can be purged, each of up to %d letters, digits, `.`, "+
			"`_` and `-`. Upper and lower case are the same.", maxTags, maxTag)},
	set: func(r *Request, args []string) error {
		var tags []string
		for _, t := range args {
			t = strings.ToLower(t)
			if t == "" || len(t) > maxTag || strings.Trim(t, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
				return fmt.Errorf("tag %s must be 1 to %d letters, digits, ., _ or -", transform.Quote(t), maxTag)
			}
			tags = append(tags, t)
		}
		slices.Sort(tags)
		r.Tags = strings.Join(slices.Compact(tags), " ")
		return nil
	},
	text: func(r Request) string { return strings.ReplaceAll(r.Tags, " ", ":") },
}

var expiresOption = requestOption{
	Usage: transform.Usage{Names: []string{"expires", "exp"}, Args: "seconds", Most: 1, Default: "never",
		Text: "Unix time in seconds. After it the URL returns a 404."},
	set: func(r *Request, args []string) error {
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%s is not a time in Unix seconds", transform.Quote(args[0]))
		}
		r.Expires = n
		return nil
	},
	text: func(r Request) string { return formatInteger(r.Expires) },
}

// maxFilename is the longest name that file systems take, in bytes.
const maxFilename = 255

var filenameOption = requestOption{
	Usage: transform.Usage{Names: []string{"filename", "fn"}, Args: "name:encoded", Most: 2,
		Default: "name of the source",
		Text: "Name under which browsers save the image, up to 255 bytes. The extension of the format is appended. " +
			"`encoded` 1 means that the name is in base64url."},
	set: func(r *Request, args []string) error {
		name := args[0]
		if len(args) > 1 && args[1] != "" {
			encoded, err := transform.ParseBool(args[1])
			if err != nil {
				return err
			}
			if encoded {
				b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(name, "="))
				if err != nil {
					return errors.New("the file name is not base64url")
				}
				name = string(b)
			}
		}
		if len(name) > maxFilename || !utf8.ValidString(name) || strings.ContainsFunc(name, isControl) {
			return fmt.Errorf("the file name must be UTF-8 without control characters, at most %d bytes", maxFilename)
		}
		r.Filename = name
		return nil
	},
	text: func(r Request) string {
		if r.Filename == "" {
			return ""
		}
		return base64.RawURLEncoding.EncodeToString([]byte(r.Filename)) + ":1"
	},
}

var attachmentOption = requestOption{
	Usage: transform.Usage{Names: []string{"return_attachment", "att"}, Args: "switch", Most: 1, Default: "0",
		Text: "1 makes browsers save the image instead of displaying it."},
	set: func(r *Request, args []string) (err error) {
		r.Attachment, err = transform.ParseBool(args[0])
		return err
	},
	text: func(r Request) string {
		if !r.Attachment {
			return ""
		}
		return "1"
	},
}

const needsPermission = " Needs `--allow-security-options`, else the response is a 403."

var maxPixelsOption = requestOption{
	Usage: transform.Usage{Names: []string{"max_src_resolution", "msr"}, Args: "megapixels", Most: 1,
		Default: "`--max-source-pixels`",
		Text:    "Most megapixels of the source (width × height), instead of `--max-source-pixels`." + needsPermission},
	set:  func(r *Request, args []string) error { return parseMegapixels(&r.Limits.SourcePixels, args[0]) },
	text: func(r Request) string { return formatMegapixels(r.Limits.SourcePixels) },
}

var maxBytesOption = requestOption{
	Usage: transform.Usage{Names: []string{"max_src_file_size", "msfs"}, Args: "bytes", Most: 1,
		Default: "`--max-source-size`",
		Text:    "Largest source file. A value above `--max-source-size` has no effect." + needsPermission},
	set:  func(r *Request, args []string) error { return parseCount(&r.Limits.SourceBytes, args[0]) },
	text: func(r Request) string { return formatInteger(r.Limits.SourceBytes) },
}

var maxFramesOption = requestOption{
	Usage: transform.Usage{Names: []string{"max_animation_frames", "maf"}, Args: "frames", Most: 1,
		Default: "`--max-frames`",
		Text: "Most frames of an animated result, instead of `--max-frames`. What becomes of a longer animation says " +
			"`--on-long-animation`. `max_frames` asks for fewer frames and needs no permission." + needsPermission},
	set:  func(r *Request, args []string) error { return parseCount(&r.Limits.Frames, args[0]) },
	text: func(r Request) string { return formatInteger(r.Limits.Frames) },
}

var maxFramePixelsOption = requestOption{
	Usage: transform.Usage{Names: []string{"max_animation_frame_resolution", "mafr"}, Args: "megapixels", Most: 1,
		Default: "`--max-source-pixels`",
		Text:    "Most megapixels of a frame, if the result is an animation. With more it is a 422." + needsPermission},
	set:  func(r *Request, args []string) error { return parseMegapixels(&r.Limits.FramePixels, args[0]) },
	text: func(r Request) string { return formatMegapixels(r.Limits.FramePixels) },
}

// parseCount reads a whole number into to; 0 means none.
func parseCount(to *int64, s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return &transform.OutsideError{Given: s,
			Domain: transform.Domain{Kind: transform.WholeNumber, Most: 1 << 40}}
	}
	*to = n
	return nil
}

const million = 1e6

// parseMegapixels reads megapixels into a number of pixels; 0 means none.
func parseMegapixels(to *int64, s string) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xXpP_") || !(f >= 0 && f <= million) {
		return fmt.Errorf("megapixels: %w", &transform.OutsideError{Given: s,
			Domain: transform.Domain{Kind: transform.DecimalNumber, Most: million}})
	}
	*to = int64(math.Round(f * million))
	return nil
}

func formatMegapixels(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(n)/million, 'g', -1, 64)
}

func formatInteger(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
