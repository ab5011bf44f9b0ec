package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Moved is one of imgproxy's variables as pictor has it.
type Moved struct {
	// From is the variable with its value.
	From string
	// Name and Value are pictor's setting; Name is empty where there is none.
	Name, Value string
	// Note says what differs, or why there is none.
	Note string
	// Secret says that Value is not for showing.
	Secret bool
}

// move is how a variable is translated. Its note is told in any case.
type move struct {
	name  string
	value func(string) (string, error) // nil: as it is
	note  string
	// preset is an option of the default preset instead of a setting, with
	// the value behind it.
	preset string
	secret bool
}

// moves are by the variable's name without IMGPROXY_. The defaults of both are
// much the same; what is not is in docs/migrating.md.
var moves = map[string]move{
	"KEY": {name: "key", secret: true}, "SALT": {name: "salt", secret: true}, "SIGNATURE_SIZE": {name: "signature-size"},
	"TRUSTED_SIGNATURES":        {name: "trusted-signatures", secret: true},
	"SOURCE_URL_ENCRYPTION_KEY": {name: "source-key", secret: true},
	"BIND":                      {name: "listen"}, "PATH_PREFIX": {name: "path-prefix"},
	"TIMEOUT": {name: "request-timeout", value: seconds}, "DOWNLOAD_TIMEOUT": {name: "fetch-timeout", value: seconds},
	"TTL":                    {name: "ttl", value: seconds, note: "holds where the origin says nothing; imgproxy sends it always unless told otherwise"},
	"WORKERS":                {name: "workers", note: "processes here, and at most what the memory limit affords"},
	"MAX_SRC_RESOLUTION":     {name: "max-source-pixels", value: suffixed("MP")},
	"MAX_SRC_FILE_SIZE":      {name: "max-source-size"},
	"MAX_ANIMATION_FRAMES":   {name: "max-frames", note: "a source with more is refused here, and animations give their first frame"},
	"MAX_RESULT_DIMENSION":   {name: "max-output-side", note: "a larger result is refused here, not made smaller; mrd in a URL makes it smaller"},
	"ALLOW_SECURITY_OPTIONS": {name: "allow-security-options"},
	"PRESETS":                {name: "presets"}, "PRESETS_PATH": {name: "presets-file"}, "ONLY_PRESETS": {name: "only-presets"},
	"ALLOWED_PROCESSING_OPTIONS": {name: "allow-options"}, "ARGUMENTS_SEPARATOR": {name: "arguments-separator"},
	"BASE64_URL_INCLUDES_FILENAME": {name: "source-name"}, "LOCAL_FILESYSTEM_ROOT": {name: "local-root"},
	"WATERMARK_PATH": {name: "watermark"}, "LOG_LEVEL": {name: "log-level"}, "LOG_FORMAT": {name: "log-format", value: logFormat},
	"PROMETHEUS_BIND":                 {name: "admin-listen", note: "other things than metrics are there, too; not on loopback it needs --admin-token"},
	"ALLOW_PRIVATE_SOURCE_ADDRESSES":  {name: "allow-networks", value: private, note: "name the networks that are meant instead of all private ones"},
	"ALLOW_LOOPBACK_SOURCE_ADDRESSES": {name: "allow-networks", value: ifTrue("127.0.0.0/8,::1/128")},

	"QUALITY": {preset: "q"}, "FORMAT_QUALITY": {preset: "fq", value: formatQuality},
	"AUTO_ROTATE": {preset: "ar"}, "STRIP_METADATA": {preset: "sm"}, "KEEP_COPYRIGHT": {preset: "kcr"}, "STRIP_COLOR_PROFILE": {preset: "scp"},
	"ENFORCE_THUMBNAIL": {preset: "eth"}, "RETURN_ATTACHMENT": {preset: "att"}, "PRESERVE_HDR": {preset: "ph"},
	"JPEG_PROGRESSIVE": {preset: "jpgo"}, "PNG_INTERLACED": {preset: "pngo"}, "AVIF_SPEED": {preset: "avifo:", value: avifSpeed}, "WEBP_EFFORT": {preset: "webpo:::"},

	"SECRET":      {note: "there is no second secret: keep strangers out by signatures"},
	"MAX_CLIENTS": {note: "connections are a part of the memory plan"},
	"CONCURRENCY": {name: "workers", note: "processes here, and at most what the memory limit affords"},
	"USE_ETAG":    {note: "every picture has a strong ETag"},
	"AUTO_WEBP":   {note: "auto-formats: those that are meant, such as avif,webp"}, "AUTO_AVIF": {note: "auto-formats: those that are meant, such as avif,webp"},
	"ENFORCE_WEBP": {note: "a format in a URL goes over what is negotiated"}, "ENFORCE_AVIF": {note: "a format in a URL goes over what is negotiated"},
	"USE_S3": {note: "buckets are not there yet"}, "USE_GCS": {note: "buckets are not there yet"}, "USE_ABS": {note: "buckets are not there yet"},
	"FREE_MEMORY_INTERVAL": {note: "memory comes back by itself"}, "DOWNLOAD_BUFFER_SIZE": {note: "sources are not in buffers here"},
}

// FromImgproxy translates a process's environment ("NAME=value"), sorted by
// variable. Options that URLs have come together in the default preset.
func FromImgproxy(environ []string) []Moved {
	const prefix = "IMGPROXY_"
	var out []Moved
	var presets []string
	sorted := slices.Sorted(slices.Values(environ))
	for _, entry := range sorted {
		name, value, _ := strings.Cut(entry, "=")
		bare, ok := strings.CutPrefix(name, prefix)
		if !ok || strings.TrimSpace(value) == "" {
			continue
		}
		m, known := moves[bare]
		moved := Moved{From: name + "=" + value, Note: m.note, Secret: m.secret}
		if m.secret {
			moved.From = name
		}
		switch {
		case !known:
			moved.Note = "pictor has nothing of the kind"
		case m.name == "" && m.preset == "":
		default:
			var err error
			if m.value != nil {
				value, err = m.value(value)
			}
			switch {
			case err != nil:
				moved.Note = err.Error()
			case m.preset != "":
				presets = append(presets, m.preset+":"+value)
				moved.Note = "in the default preset"
			default:
				moved.Name, moved.Value = m.name, value
			}
		}
		out = append(out, moved)
	}
	if len(presets) > 0 {
		out = addDefaultPreset(out, strings.Join(presets, "/"))
	}
	return out
}

// addDefaultPreset puts options before those that a default preset has.
func addDefaultPreset(out []Moved, options string) []Moved {
	for i, m := range out {
		if m.Name != "presets" {
			continue
		}
		entries := strings.Split(m.Value, ",")
		for j, e := range entries {
			if after, ok := strings.CutPrefix(e, "default="); ok {
				entries[j] = "default=" + options + "/" + after
				options = ""
			}
		}
		if options != "" {
			entries = append(entries, "default="+options)
		}
		out[i].Value = strings.Join(entries, ",")
		return out
	}
	return append(out, Moved{Name: "presets", Value: "default=" + options})
}

func seconds(s string) (string, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0 && n <= math.MaxInt32) { // NaN is neither
		return "", fmt.Errorf("%q is not a number of seconds", s)
	}
	return s + "s", nil
}

func suffixed(unit string) func(string) (string, error) {
	return func(s string) (string, error) { return s + unit, nil }
}

func ifTrue(value string) func(string) (string, error) {
	return func(s string) (string, error) {
		if on, err := strconv.ParseBool(s); err != nil || !on {
			return "", fmt.Errorf("off here, too, unless networks are named")
		}
		return value, nil
	}
}

func private(s string) (string, error) {
	return ifTrue("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7")(s)
}

func logFormat(s string) (string, error) {
	if s == "json" {
		return s, nil
	}
	return "text", nil
}

// formatQuality is jpeg=70,avif=40 there and jpeg:70:avif:40 here.
func formatQuality(s string) (string, error) {
	return strings.NewReplacer("=", ":", ",", ":", " ", "").Replace(s), nil
}

// avifSpeed is 0 to 9 there, and effort the other way round here.
func avifSpeed(s string) (string, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 9 {
		return "", fmt.Errorf("%q is not a speed from 0 to 9", s)
	}
	return strconv.Itoa(9 - n), nil
}
