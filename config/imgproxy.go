package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Moved is one of imgproxy's variables as pictor has it.
type Moved struct {
	// From is the variable, with its value where pictor has the like and it is no
	// secret.
	From string
	// Name and Value are pictor's setting; Name is empty where there is none.
	Name, Value string
	// Note says what differs, or why there is none.
	Note string
	// Secret says that Value is not for showing.
	Secret bool
}

// translation says how a variable is translated. Its note is shown in any case.
type translation struct {
	name  string
	value func(string) (string, error) // nil: as it is
	note  string
	// preset is an option of the default preset instead of a setting, with
	// the value behind it.
	preset string
	secret bool
}

const (
	ofWorkers = "pictor's workers are processes, at most as many as the memory limit allows"
)

// translations has the names of variables without IMGPROXY_. Where defaults differ
// docs/migrating.md says so.
var translations = map[string]translation{
	"KEY": {name: "key", secret: true}, "SALT": {name: "salt", secret: true},
	"SIGNATURE_SIZE":            {name: "signature-size"},
	"TRUSTED_SIGNATURES":        {name: "trusted-signatures", secret: true},
	"SOURCE_URL_ENCRYPTION_KEY": {name: "source-key", secret: true},
	"BIND":                      {name: "listen"}, "PATH_PREFIX": {name: "path-prefix"},
	"TIMEOUT":          {name: "request-timeout", value: withSeconds},
	"DOWNLOAD_TIMEOUT": {name: "fetch-timeout", value: withSeconds},
	"TTL": {name: "ttl", value: withSeconds,
		note: "applies where the origin sends no lifetime; imgproxy always sends it unless told otherwise"},
	"WORKERS":            {name: "workers", note: ofWorkers},
	"MAX_SRC_RESOLUTION": {name: "max-source-pixels", value: withUnit("MP")},
	"MAX_SRC_FILE_SIZE":  {name: "max-source-size", value: withUnit("B")},
	"MAX_ANIMATION_FRAMES": {name: "max-frames",
		note: "longer animations are shortened, as by imgproxy (on-long-animation)"},
	"MAX_RESULT_DIMENSION": {name: "max-output-side",
		note: "pictor refuses a larger result instead of making it smaller; mrd in a URL makes it smaller"},
	"ALLOW_SECURITY_OPTIONS": {name: "allow-security-options", value: onOff},
	"PRESETS":                {name: "presets"}, "PRESETS_PATH": {name: "presets-file"},
	"INFO_PRESETS":               {name: "info-presets"},
	"ONLY_PRESETS":               {name: "only-presets", value: onOff},
	"ALLOWED_PROCESSING_OPTIONS": {name: "allow-options"}, "ARGUMENTS_SEPARATOR": {name: "arguments-separator"},
	"BASE64_URL_INCLUDES_FILENAME": {name: "source-name", value: onOff}, "LOCAL_FILESYSTEM_ROOT": {name: "local-root"},
	"BASE_URL": {name: "base-url", value: withSlash,
		note: "it stands before sources without a scheme; imgproxy puts it before all"},
	"ALLOWED_SOURCES": {name: "allow-sources", note: "rules are compared by scheme, host and folder, not by text"},
	"URL_REPLACEMENTS": {name: "rewrite-sources", value: replacements,
		note: "from and to end with a slash, and have no *"},
	"REQUEST_HEADERS_PASSTHROUGH": {name: "origins", value: passedHeaders,
		note: "they are also a part of the cache key, and in Vary; better name the sources that need them"},
	"COOKIE_PASSTHROUGH":      {note: "add Cookie to pass-headers of an entry of origins"},
	"COOKIE_PASSTHROUGH_ALL":  {note: "Cookie in pass-headers of an entry of origins passes all cookies on"},
	"CUSTOM_REQUEST_HEADERS":  {note: "add headers or header-files to an entry of origins"},
	"USER_AGENT":              {note: "add the header User-Agent to an entry of origins"},
	"IGNORE_SSL_VERIFICATION": {note: "certificates are checked; ca in an entry of origins names authorities"},
	"FALLBACK_IMAGE_PATH":     {name: "fallback-image"}, "FALLBACK_IMAGE_URL": {name: "fallback-image"},
	"FALLBACK_IMAGE_DATA": {name: "fallback-image", value: asDataURL},
	"FALLBACK_IMAGE_HTTP_CODE": {name: "fallback-status",
		note: "without it imgproxy answers 200, and pictor with the status of the error"},
	"FALLBACK_IMAGE_TTL": {name: "fallback-ttl", value: withSeconds},
	"WATERMARK_PATH":     {name: "watermark"}, "LOG_LEVEL": {name: "log-level", value: logLevel},
	"LOG_FORMAT":      {name: "log-format", value: logFormat},
	"PROMETHEUS_BIND": {name: "admin-listen", note: "it also serves /purge, /warm, /reload and /debug/memory"},
	"ALLOW_PRIVATE_SOURCE_ADDRESSES": {name: "allow-networks", value: privateNetworks,
		note: "better name the networks that are meant than all private ones"},
	"ALLOW_LOOPBACK_SOURCE_ADDRESSES": {name: "allow-networks", value: ifTrue("127.0.0.0/8,::1/128")},

	"QUALITY": {preset: "q"}, "FORMAT_QUALITY": {preset: "fq", value: formatQuality},
	"AUTO_ROTATE": {preset: "ar"}, "STRIP_METADATA": {preset: "sm"}, "KEEP_COPYRIGHT": {preset: "kcr"},
	"STRIP_COLOR_PROFILE": {preset: "scp"},
	"ENFORCE_THUMBNAIL":   {preset: "eth"}, "RETURN_ATTACHMENT": {preset: "att"}, "PRESERVE_HDR": {preset: "ph"},
	"USE_LINEAR_COLORSPACE": {preset: "linear"},
	"JPEG_PROGRESSIVE":      {preset: "jpgo"}, "PNG_INTERLACED": {preset: "pngo"},
	"JXL_EFFORT": {preset: "jxlo"},
	"AVIF_SPEED": {preset: "avifo:", value: avifSpeed}, "WEBP_EFFORT": {preset: "webpo:::"},

	"SECRET":               {note: "pictor has no second secret: signatures keep strangers out"},
	"MAX_CLIENTS":          {note: "the memory plan limits connections"},
	"CONCURRENCY":          {name: "workers", note: ofWorkers},
	"USE_ETAG":             {note: "every response has a strong ETag"},
	"AUTO_WEBP":            {note: "set auto-formats to the formats that are meant, such as avif,webp"},
	"AUTO_AVIF":            {note: "set auto-formats to the formats that are meant, such as avif,webp"},
	"AUTO_JXL":             {note: "set auto-formats to the formats that are meant, such as jxl,avif,webp"},
	"ENFORCE_WEBP":         {note: "a format in a URL beats negotiation"},
	"ENFORCE_AVIF":         {note: "a format in a URL beats negotiation"},
	"FREE_MEMORY_INTERVAL": {note: "pictor gives memory back by itself"},
	"DOWNLOAD_BUFFER_SIZE": {note: "pictor does not buffer sources on the heap"},
}

// ImgproxyVariables are the variables that FromImgproxy knows, sorted.
func ImgproxyVariables() []string {
	var names []string
	for name := range translations {
		names = append(names, imgproxyPrefix+name)
	}
	slices.Sort(names)
	return names
}

// FromImgproxy translates a process's environment ("NAME=value"), sorted by
// variable. Options that URLs have come together in the default preset, but for
// those that option does not take. Each setting is there at most once.
func FromImgproxy(environ []string, option func(segment string) error) []Moved {
	separator := ":"
	for _, entry := range environ {
		if s, ok := strings.CutPrefix(entry, imgproxyPrefix+"ARGUMENTS_SEPARATOR="); ok && s != "" {
			separator = s
		}
	}
	var out []Moved
	var defaults []string
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		bare, ok := strings.CutPrefix(name, imgproxyPrefix)
		if value = strings.TrimSpace(value); !ok || value == "" {
			continue
		}
		if bare == "AUTOQUALITY_METHOD" {
			value = autoQuality(environ)
		}
		moved, options := translateVariable(name, value, translations[bare])
		for _, segment := range options {
			if err := option(segment); err != nil {
				moved.Note += fmt.Sprintf("; without %s: %v", segment, err)
				continue
			}
			defaults = append(defaults, strings.ReplaceAll(segment, ":", separator))
		}
		out = append(out, moved)
	}
	out = mergeRepeated(out)
	if accounts := accountsFromImgproxy(environ); accounts != "" {
		out = append(out, Moved{Name: accountsName, Value: string(accounts)})
	}
	if len(defaults) > 0 {
		out = addDefaultPreset(out, strings.Join(defaults, "/"))
	}
	return out
}

const imgproxyPrefix = "IMGPROXY_"

// translateVariable gives the setting of a variable, or options of the default preset.
func translateVariable(variable, value string, m translation) (moved Moved, options []string) {
	moved = Moved{From: variable + "=" + value, Note: m.note, Secret: m.secret}
	switch {
	case m.secret:
		moved.From = variable
	case m.name == "" && m.preset == "":
		moved.From = variable // perhaps a secret
		if m.note == "" {
			moved.Note = "pictor has nothing like it"
		}
		return moved, nil
	}
	if m.value != nil {
		var err error
		if value, err = m.value(value); err != nil {
			moved.Note = err.Error()
			return moved, nil
		}
	}
	if m.preset == "" {
		moved.Name, moved.Value = m.name, value
		return moved, nil
	}
	moved.Note = "in the default preset"
	for part := range strings.SplitSeq(value, ",") {
		options = append(options, m.preset+":"+part)
	}
	return moved, options
}

// mergeRepeated leaves each setting once, as a YAML file must have it: lists of several
// variables are joined, and of other settings the last variable counts, WORKERS
// rather than CONCURRENCY.
func mergeRepeated(all []Moved) []Moved {
	at := map[string]int{}
	for i := range all {
		m := &all[i]
		first, twice := at[m.Name]
		switch {
		case m.Name == "":
		case !twice:
			at[m.Name] = i
		case m.Name == "allow-networks":
			all[first].Value += "," + m.Value
			m.Note = strings.TrimPrefix(m.Note+"; in allow-networks above", "; ")
			m.Name, m.Value = "", ""
		default:
			from, _, _ := strings.Cut(m.From, "=")
			all[first].Note = fmt.Sprintf("left out, as %s sets %s", from, m.Name)
			all[first].Name, all[first].Value = "", ""
			at[m.Name] = i
		}
	}
	return all
}

// addDefaultPreset puts options before those that a default preset has.
func addDefaultPreset(out []Moved, options string) []Moved {
	for i, m := range out {
		if m.Name != presetsName {
			continue
		}
		entries := strings.Split(m.Value, ",")
		for j, e := range entries {
			name, after, _ := strings.Cut(e, "=")
			if strings.TrimSpace(name) == "default" && options != "" {
				entries[j] = "default=" + options + "/" + strings.TrimSpace(after)
				options = ""
			}
		}
		if options != "" {
			entries = append(entries, "default="+options)
		}
		out[i].Value = strings.Join(entries, ",")
		return out
	}
	return append(out, Moved{Name: presetsName, Value: "default=" + options})
}

func withSeconds(s string) (string, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0 && n <= math.MaxInt32) { // NaN is neither
		return "", fmt.Errorf("%q is not a number of seconds", s)
	}
	return s + "s", nil
}

func withUnit(unit string) func(string) (string, error) {
	return func(s string) (string, error) { return s + unit, nil }
}

func ifTrue(value string) func(string) (string, error) {
	return func(s string) (string, error) {
		if on, err := strconv.ParseBool(s); err != nil || !on {
			return "", errors.New("off here, too, unless allow-networks names some")
		}
		return value, nil
	}
}

func privateNetworks(s string) (string, error) {
	return ifTrue("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7")(s)
}

func logFormat(s string) (string, error) {
	if s == "json" || s == "gcp" {
		return "json", nil
	}
	return "text", nil
}

// logLevel: there are two more levels there.
func logLevel(s string) (string, error) {
	switch s = strings.ToLower(s); s {
	case "fatal", "panic":
		return "error", nil
	}
	return s, nil
}

// onOff is a switch as Go's strconv reads it there.
func onOff(s string) (string, error) {
	on, err := strconv.ParseBool(s)
	if err != nil {
		return "", fmt.Errorf("%q is neither on nor off", s)
	}
	return strconv.FormatBool(on), nil
}

// formatQuality is jpeg=70,avif=40 there and jpeg:70 and avif:40 here.
func formatQuality(s string) (string, error) {
	return strings.NewReplacer("=", ":", " ", "").Replace(s), nil
}

// avifSpeed is 0 to 9 there, and effort the other way round here.
func avifSpeed(s string) (string, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 9 {
		return "", fmt.Errorf("%q is not a speed from 0 to 9", s)
	}
	return strconv.Itoa(9 - n), nil
}

// withSlash ends a folder with a slash.
func withSlash(v string) (string, error) { return strings.TrimSuffix(v, "/") + "/", nil }

// replacements are imgproxy's from=to;from=to with commas between them.
func replacements(v string) (string, error) {
	if strings.ContainsAny(v, "*,") {
		return "", errors.New("rewrites have no * and no comma")
	}
	return strings.ReplaceAll(v, ";", ","), nil
}

// asDataURL is base64 as a data: URL.
func asDataURL(v string) (string, error) { return "data:;base64," + v, nil }
